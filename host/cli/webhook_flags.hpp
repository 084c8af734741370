// The flags of `dream serve` about webhooks: what they are signed with, and where those that must
// not get lost are kept.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "host/http/serve.hpp"
#include "host/webhooks/signature.hpp"

namespace dream::host {

// Of the file, else of WEBHOOK_SIGNING_SECRET; none without both. Throws UsageError, which does not
// show them, for secrets that cannot be used.
SigningKeys signing_keys(const std::string& secret_file);

struct WebhookFlags {
  std::string state_dir;    // empty: nothing survives the process
  std::string secret_file;  // empty: WEBHOOK_SIGNING_SECRET, else nothing is signed

  void add_to(CLI::App& app);
  // Throws as signing_keys().
  void apply(ServeOptions& options) const;
};

}  // namespace dream::host
