// The body of POST and PUT /predictions, before its input is looked at. Refusals have the status
// and the plain text that Cog's server gives.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>

#include "host/http/message.hpp"
#include "host/webhooks/webhook_observer.hpp"

namespace dream::host {

struct Envelope {
  std::optional<std::string> id;
  nlohmann::json input = nlohmann::json::object();
  std::map<std::string, std::string> context;
  std::optional<std::string> webhook;
  WebhookEvents webhook_events;  // all four unless the client chose
  std::optional<std::string> output_file_prefix = {};  // of the legacy API alone
};

// Without a Content-Type header the body is ignored and the envelope is empty. The Response is a
// 400 (not JSON), 415 (another media type) or 422 (JSON of the wrong shape), all text/plain.
std::variant<Envelope, Response> parse_envelope(const Request& request);

// The same by the rules of Cog's first, Python server: the body counts whatever its Content-Type,
// nulls are as good as absent fields, and every refusal is a 422 with `detail`.
std::variant<Envelope, Response> parse_legacy_envelope(const Request& request);

}  // namespace dream::host
