#include "host/cli/job_flags.hpp"

#include "host/cli/errors.hpp"
#include "host/predictions/duration.hpp"

namespace dream::host {
namespace {

// A file goes into an answer as a data URL, which is held in memory as a whole.
constexpr std::uint64_t most_file_bytes = 512U << 20;

void add_worker_flags(CLI::App& app, JobFlags& flags) {
  app.add_option("--max-respawns", flags.max_respawns,
                 "How often in a row a worker that died is started again; then the\n"
                 "server is DEFUNCT")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--worker-watchdog", flags.watchdog_s,
                 "A worker that answers nothing for so long is replaced (0: never)")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str()
      ->type_name("SECONDS");
  app.add_option("--cancel-limit", flags.cancel_limit_s,
                 "The worker of a run that ignores its cancel for so long is replaced")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str()
      ->type_name("SECONDS");
  app.add_option("--worker-memory", flags.sandbox.memory_bytes,
                 "Private memory of each worker process, e.g. 8GB; more is refused to it")
      ->transform(CLI::AsSizeValue(true))
      ->type_name("SIZE");
  app.add_option("--worker-user", flags.sandbox.user,
                 "The user workers run as, a name or number; the server must be root")
      ->type_name("USER");
  app.add_flag("--worker-read-only-root", flags.sandbox.read_only_root,
               "Workers can write below the server's own folder only");
}

}  // namespace

void JobFlags::add_to(CLI::App& app) {
  app.add_option("--queue", queue, "Predictions that may wait for a free slot; else 409")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--prediction-timeout", run_limit,
                 "A run that takes longer fails, e.g. 90s, 5m or 1h30m (default: no limit)")
      ->check([](const std::string& text) {
        const auto limit = parse_duration(text);
        return limit && limit->count() > 0 ? "" : "'" + text + "' is not 90, 90s, 5m or 1h30m";
      })
      ->type_name("TIME");
  add_worker_flags(app, *this);
}

void JobFlags::apply(ServeOptions& options) const {
  options.service.queue = queue;
  if (const auto limit = parse_duration(run_limit)) options.service.run_limit = *limit;
  options.worker.max_respawns = max_respawns;
  options.worker.watchdog_limit = std::chrono::seconds(watchdog_s);
  options.worker.cancel_limit = std::chrono::seconds(cancel_limit_s);
  options.worker.output_limits.file_bytes = options.cog.upload_url.empty() ? most_file_bytes : 0;
  options.worker.sandbox = sandbox;
  try {
    if (!sandbox.user.empty() || sandbox.read_only_root) check_sandbox(sandbox);
  } catch (const std::exception& error) {
    throw UsageError(error.what());
  }
}

}  // namespace dream::host
