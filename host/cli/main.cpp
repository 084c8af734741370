// `dream`: one program, one command per file of this folder. Results go to stdout, everything else
// to stderr; the exit code is 0 done, 1 failed, 2 wrong usage or bad input, 130 interrupted.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include "host/base/logging.hpp"
#include "host/cli/commands.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/log_variables.hpp"

namespace dream::host {
namespace {

struct GlobalFlags {
  std::string log_format;  // empty: LOG_FORMAT, else text
  std::string log_level;   // empty: COG_LOG_LEVEL, else info for servers, warning for the rest
};

void add_global_flags(CLI::App& app, GlobalFlags& flags) {
  app.add_option("--log-format", flags.log_format,
                 "Logs on stderr: text or json; else LOG_FORMAT, else text")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  app.add_option("--log-level", flags.log_level,
                 "debug, info, warning or error; else COG_LOG_LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->type_name("LEVEL");
  app.set_version_flag("--version", std::string("dream ") + DREAM_VERSION);
}

// The variables are Cog's, with its words. What they cannot be is ignored, and said.
void start_log(const GlobalFlags& flags, bool is_server) {
  const LogVariables variables = log_variables();
  const bool is_json = flags.log_format.empty() ? variables.json : flags.log_format == "json";
  const std::string level = !flags.log_level.empty()   ? flags.log_level
                            : !variables.level.empty() ? variables.level
                            : is_server                ? "info"
                                                       : "warning";
  set_up_logging(is_json ? LogFormat::json : LogFormat::text, level);
  for (const auto& warning : variables.warnings) log_at("warning", warning);
}

int run(int argc, char** argv) {
  CLI::App app("Stable Diffusion templates as native plugins, served over the Cog HTTP API.",
               "dream");
  app.footer("Example:\n  dream predict vanilla -i prompt=\"a fox on a blue background\" -o out");
  app.fallthrough();  // global flags may stand after the command too
  GlobalFlags flags;
  Command command;
  add_global_flags(app, flags);
  add_predict_command(app, command);
  add_serve_command(app, command);
  add_platform_command(app, command);
  add_templates_command(app, command);
  add_train_command(app, command);
  add_ui_command(app, command);
  add_weights_command(app, command);
  add_build_command(app, command);
  add_push_command(app, command);
  add_bench_command(app, command);
  add_version_command(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  if (!command) {  // no command, or one that needs another after it
    fmt::print(stderr, "{}", app.help());
    return exit_usage;
  }
  const bool serving = app.got_subcommand("serve") || app.got_subcommand("ui") ||
                       app.got_subcommand("platform");
  start_log(flags, serving);
  return command();
}

}  // namespace
}  // namespace dream::host

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed stdout or socket is an error to handle, not the end
  try {
    return dream::host::run(argc, argv);
  } catch (const dream::host::Interrupted&) {
    return dream::host::exit_interrupted;
  } catch (const dream::host::UsageError& error) {
    fmt::print(stderr, "dream: {}\n", error.what());
    return dream::host::exit_usage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "dream: {}\n", error.what());
    return dream::host::exit_failed;
  }
}
