// The flags of `dream serve` that say how predictions are run: who waits, how long a run may take,
// and what its worker may do.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "host/http/serve.hpp"

namespace dream::host {

struct JobFlags {
  std::size_t queue = 0;
  std::string run_limit;  // a duration of duration.hpp; empty: none
  int max_respawns = WorkerOptions().max_respawns;
  int watchdog_s = 60;
  int cancel_limit_s = 10;
  Sandbox sandbox;

  void add_to(CLI::App& app);
  // Throws UsageError, also when the system does not let workers be confined so.
  void apply(ServeOptions& options) const;
};

}  // namespace dream::host
