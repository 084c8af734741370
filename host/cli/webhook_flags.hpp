// The flags of `dream serve` about webhooks: what they are signed with, and where those that must
// not get lost are kept.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "host/http/serve.hpp"

namespace dream::host {

struct WebhookFlags {
  std::string state_dir;    // empty: nothing survives the process
  std::string secret_file;  // empty: WEBHOOK_SIGNING_SECRET, else nothing is signed

  void add_to(CLI::App& app);
  // Throws UsageError for secrets that cannot be used; it does not show them.
  void apply(ServeOptions& options) const;
};

}  // namespace dream::host
