#include "host/cli/webhook_flags.hpp"

#include <cstdlib>
#include <stdexcept>

#include "host/cli/errors.hpp"

namespace dream::host {
namespace {

constexpr char secret_variable[] = "WEBHOOK_SIGNING_SECRET";

SigningKeys keys_from_environment() {
  const char* const text = std::getenv(secret_variable);
  if (text == nullptr || *text == '\0') return {};
  try {
    return SigningKeys::parse(text);
  } catch (const std::invalid_argument& problem) {
    throw UsageError(std::string(secret_variable) + ": " + problem.what());
  }
}

}  // namespace

SigningKeys signing_keys(const std::string& secret_file) {
  try {
    return secret_file.empty() ? keys_from_environment() : SigningKeys::read(secret_file);
  } catch (const std::invalid_argument& problem) {
    throw UsageError("--webhook-secret-file " + std::string(problem.what()));
  }
}

void WebhookFlags::add_to(CLI::App& app) {
  app.add_option("--webhook-secret-file", secret_file,
                 "Sign webhooks (Standard Webhooks) with the whsec_ secret in this file, or\n"
                 "with each of several; else with WEBHOOK_SIGNING_SECRET")
      ->type_name("FILE");
  app.add_option("--state-dir", state_dir,
                 "Keep the last webhook of each prediction here until it has arrived, whatever\n"
                 "becomes of this server; for one server at a time")
      ->type_name("DIR");
}

void WebhookFlags::apply(ServeOptions& options) const {
  options.state_dir = state_dir;
  options.webhook_keys = signing_keys(secret_file);
}

}  // namespace dream::host
