// How often and how long a step is tried again: growing pauses, and what the other side asks for.
#pragma once

#include <chrono>
#include <string>

#include "host/oci/control.hpp"
#include "host/oci/registry_options.hpp"

namespace dream::host::oci {

class Patience {
 public:
  // `what`: the step, for messages: "pushing sha256:0a1b… to localhost:5000/a".
  Patience(const RegistryOptions& options, const Control& control, std::string what);

  // Something moved: the tries begin anew.
  void progress() { failures_ = 0; }
  // Waits before another try. Throws UnreachableError with `problem` when the tries are spent or
  // `asked` is longer than is waited for; Canceled.
  void wait(const std::string& problem, std::chrono::seconds asked = {});

 private:
  const RegistryOptions& options_;
  const Control& control_;
  std::string what_;
  unsigned failures_ = 0;
};

// Statuses that another try may better: 408, 429, 5xx but "not implemented".
bool may_pass(long status);

}  // namespace dream::host::oci
