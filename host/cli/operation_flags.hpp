// Options of `dream serve` for those who operate it: how it ends, what it tells probes,
// and its certificate.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "host/http/serve.hpp"

namespace dream::host {

struct OperationFlags {
  double drain_s = 25;
  std::string ready_file;
  std::string certificate;
  std::string key;

  void add_to(CLI::App& app);
  void apply(ServeOptions& options) const;
};

}  // namespace dream::host
