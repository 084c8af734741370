// `dream templates check`: the validator of templates on the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "host/cli/worker_flags.hpp"

namespace dream::host {

struct CheckFlags {
  std::string file;
  std::optional<std::uint64_t> seed;  // drawn when absent, and printed
  int runs = 0;                       // the validator's choice
  double limit_s = 30;
};

// Adds the subcommand to `dream templates`; the caller runs it.
CLI::App* add_check_subcommand(CLI::App& templates, CheckFlags& flags);

// Exit code: 0 no check failed, 1 one did. Throws UsageError if there is no such file.
int run_check(const CheckFlags& flags, const WorkerFlags& worker, bool json);

}  // namespace dream::host
