// The flags of every command that runs templates: weights, models, device, dtype, threads.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "host/workers/worker_pool.hpp"

namespace dream::host {

struct WorkerFlags {
  std::string weights;
  std::string models;
  std::string device = "auto";
  std::string dtype = "auto";
  int threads = 0;

  void add_to(CLI::App& app);
  // Options without templates. Throws UsageError for weights that do not exist, or are a URL.
  WorkerOptions options() const;
  // The same, but weights may be a URL, for who fetches them.
  WorkerOptions options_or_url() const;
};

}  // namespace dream::host
