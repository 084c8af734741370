// One run of a template in a worker of its own, without a server: what `dream predict` and
// `dream train` have in common.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "host/cli/download_flags.hpp"
#include "host/cli/worker_flags.hpp"
#include "host/predictions/prediction.hpp"

namespace dream::host {

struct SingleRun {
  std::string template_name;  // or a .so file
  bool train = false;         // its trainer runs, if it has one of its own
  std::vector<std::string> inputs;
  std::string input_json;
  WorkerFlags worker;
  DownloadFlags downloads;
  std::string when_canceled;  // said at the first Ctrl-C, beside "canceling …"
  // Called once the inputs are known to be right, before anything is loaded. May be empty.
  std::function<void()> prepare;
  // Keeps an output item and returns the line for stdout, or nothing to print. May throw
  // std::filesystem::filesystem_error.
  std::function<std::string(const OutputItem& item)> write;

  // -i and --input-json.
  void add_to(CLI::App& app);
};

struct SingleRunEnd {
  bool loaded = false;  // false: the worker did not get ready, and has said why
  Snapshot snapshot;
  std::string write_error;  // why an output could not be kept
};

// Shows progress and logs on stderr. Throws UsageError, Interrupted, std::runtime_error.
SingleRunEnd run_single(const SingleRun& run);

// The exit code; says on stderr what went wrong.
int exit_code(const SingleRunEnd& end);

}  // namespace dream::host
