// Arbitrary requests at the prediction routes: the first line is "METHOD PATH", the second the
// content type, the rest the body. Any refusal must be one of Cog's, in text that is UTF-8.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "host/cog/envelope.hpp"
#include "host/cog/json_text.hpp"
#include "host/http/router.hpp"

namespace {

using dream::host::Envelope;
using dream::host::Exchange;
using dream::host::Request;
using dream::host::Response;

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

// The text up to the next line break; both are taken off.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

void check_envelope(const Request& request) {
  const auto parsed = dream::host::parse_envelope(request);
  if (const auto* refusal = std::get_if<Response>(&parsed)) {
    require(refusal->status == 400 || refusal->status == 415 || refusal->status == 422);
    require(refusal->content_type.starts_with("text/plain") && is_utf8(refusal->body));
    return;
  }
  const auto& envelope = std::get<Envelope>(parsed);
  require(!envelope.id || is_utf8(*envelope.id));
  require(!envelope.webhook || is_utf8(*envelope.webhook));
  require(nlohmann::json::parse(dream::host::compact(envelope.input)) == envelope.input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string_view first = take_line(text);
  const std::size_t space = first.find(' ');
  Request request;
  request.method = std::string(first.substr(0, space));
  request.path = space == std::string_view::npos ? "/" : std::string(first.substr(space + 1));
  if (const std::string_view type = take_line(text); !type.empty())
    request.headers.emplace_back("content-type", std::string(type));
  request.body = std::string(text);
  check_envelope(request);

  dream::host::Router router;
  const auto take = [](const std::shared_ptr<Exchange>& exchange) {
    const auto& parameters = exchange->request().parameters;
    const auto id = parameters.find("id");
    require(id == parameters.end() || is_utf8(id->second));
    exchange->respond({200});
  };
  router.add("POST", "/predictions", take);
  router.add("PUT", "/predictions/{id}", take);
  router.add("POST", "/predictions/{id}/cancel", take);
  const auto exchange = std::make_shared<Exchange>(std::move(request));
  router.handle(exchange);
  require(exchange->answered());
  return 0;
}
