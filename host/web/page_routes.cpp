#include "host/web/page_routes.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "host/web/asset_encoding.hpp"

namespace dream::host {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

Headers page_headers() {
  return {{"content-security-policy", page_security_policy},
          {"x-content-type-options", "nosniff"},
          {"x-frame-options", "DENY"},
          {"referrer-policy", "no-referrer"},
          {"cross-origin-opener-policy", "same-origin"},
          {"cross-origin-resource-policy", "same-origin"},
          {"permissions-policy", "camera=(self), microphone=(), geolocation=()"}};
}

std::string_view header_of(const Request& request, std::string_view name) {
  const std::string* value = request.header(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

}  // namespace

void PageRoutes::add_to(Router& router) {
  compressed_.resize(assets().size());
  for (std::size_t i = 0; i < assets().size(); ++i) {
    const std::string name(assets()[i].name);
    router.add("GET", name == "index.html" ? "/ui" : "/ui/" + name,
               [this, i](const std::shared_ptr<Exchange>& exchange) { send(*exchange, i); });
  }
  router.add("GET", "/ui/", [](const std::shared_ptr<Exchange>& exchange) {
    exchange->respond({.status = 307, .headers = {{"location", "../ui"}}});
  });
  router.add("GET", "/ui/config.json", [this](const std::shared_ptr<Exchange>& exchange) {
    const nlohmann::json config = {{"api", config_.api}, {"server", config_.server}};
    Headers headers = page_headers();
    headers.emplace_back("cache-control", "no-store");
    exchange->respond({200, "application/json", config.dump(), std::move(headers)});
  });
}

// A tag per form of the file: strong tags promise equal bytes.
void PageRoutes::send(Exchange& exchange, std::size_t index) {
  const Asset& asset = assets()[index];
  const bool compress = accepts_gzip(header_of(exchange.request(), "accept-encoding"));
  const std::string tag = std::string(asset.tag) + (compress ? "-gzip" : "");
  Headers headers = page_headers();
  headers.emplace_back("cache-control", "no-cache");  // kept, but asked for with its tag each time
  headers.emplace_back("etag", "\"" + tag + "\"");
  headers.emplace_back("vary", "accept-encoding");
  if (names_tag(header_of(exchange.request(), "if-none-match"), tag))
    return exchange.respond({.status = 304, .headers = std::move(headers)});
  std::string body(asset.bytes);
  if (compress) {
    if (compressed_[index].empty()) compressed_[index] = gzip(asset.bytes);
    body = compressed_[index];
    headers.emplace_back("content-encoding", "gzip");
  }
  exchange.respond({200, std::string(asset.media_type), std::move(body), std::move(headers)});
}

}  // namespace dream::host
