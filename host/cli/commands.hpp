// The commands of `dream`. Each adds itself to the program's command line and says how to run it.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace dream::host {

// The chosen command: set while the command line is parsed, run after it. Returns the exit code, or
// throws UsageError, Interrupted, or any other exception for a failure.
using Command = std::function<int()>;

void add_bench_command(CLI::App& app, Command& chosen);
void add_build_command(CLI::App& app, Command& chosen);
void add_platform_command(CLI::App& app, Command& chosen);
void add_predict_command(CLI::App& app, Command& chosen);
void add_push_command(CLI::App& app, Command& chosen);
void add_serve_command(CLI::App& app, Command& chosen);
void add_templates_command(CLI::App& app, Command& chosen);
void add_train_command(CLI::App& app, Command& chosen);
void add_ui_command(CLI::App& app, Command& chosen);
void add_weights_command(CLI::App& app, Command& chosen);
void add_version_command(CLI::App& app, Command& chosen);

}  // namespace dream::host
