#include "host/cli/check_command.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <random>

#include "host/check/check.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/session.hpp"

namespace dream::host {

CLI::App* add_check_subcommand(CLI::App& templates, CheckFlags& flags) {
  CLI::App* check = templates.add_subcommand("check", "Look for faults in a template library");
  check->footer(
      "Example:\n  dream templates check build/hello.so\n"
      "  dream templates check build/hello.so --seed 7 --runs 500");
  check->add_option("file", flags.file, "The template's library")->required()->type_name("FILE.so");
  check->add_option("--seed", flags.seed, "Seed of the unusual inputs (default: drawn)")
      ->type_name("N");
  check
      ->add_option("--runs", flags.runs,
                   "Runs with unusual inputs (default: 40, or 12 of a diffusion template)")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  check->add_option("--limit", flags.limit_s, "Seconds a set-up or a run may take")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str()
      ->type_name("S");
  return check;
}

int run_check(const CheckFlags& flags, const WorkerFlags& worker, bool json) {
  check::CheckOptions options;
  std::error_code error;
  if (!std::filesystem::is_regular_file(flags.file, error))
    throw UsageError(
        fmt::format("there is no file '{}'; FILE.so is a template's library", flags.file));
  options.file = std::filesystem::absolute(flags.file).lexically_normal();
  options.worker = worker.options();
  options.seed = flags.seed ? *flags.seed : std::random_device()();
  options.runs = flags.runs;
  options.limit = std::chrono::milliseconds(static_cast<long>(flags.limit_s * 1000));
  Session session;
  if (!json) fmt::print("{}, seed {}\n", options.file.string(), options.seed);
  const auto report = check::check_template(
      session.io(), [&](const std::function<bool()>& done) { session.run_until(done); }, options,
      [&](const check::Row& row) {
        if (!json) fmt::print("{}", check::row_line(row));
        std::fflush(stdout);
      });
  if (json)
    fmt::print("{}\n", check::to_json(report).dump(2));
  else
    fmt::print("{}", check::closing_line(report));
  return report.passed() ? 0 : exit_failed;
}

}  // namespace dream::host
