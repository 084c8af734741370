#include "host/web/page_routes.hpp"

#include <nlohmann/json.hpp>
#include <optional>
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

constexpr std::string_view platform_folder = "platform/";

// Where a file is served; nothing for one of the other page. The platform's page is made of the
// playground's parts, not the other way round.
std::optional<std::string> path_of(std::string_view name, bool of_platform) {
  const bool is_document = name.ends_with(".html");
  const bool is_platforms = name.starts_with(platform_folder);
  if (of_platform ? is_document && !is_platforms : is_platforms) return std::nullopt;
  if (is_document) return of_platform ? "/" : "/ui";
  return "/ui/" + std::string(name);
}

}  // namespace

void PageRoutes::add_to(Router& router) {
  compressed_.resize(assets().size());
  add_files(router);
  if (config_) add_config(router);
}

void PageRoutes::add_files(Router& router) {
  for (std::size_t i = 0; i < assets().size(); ++i) {
    if (const auto path = path_of(assets()[i].name, !config_.has_value())) {
      router.add("GET", *path,
                 [this, i](const std::shared_ptr<Exchange>& exchange) { send(*exchange, i); });
    }
  }
}

void PageRoutes::add_config(Router& router) {
  router.add("GET", "/ui/", [](const std::shared_ptr<Exchange>& exchange) {
    exchange->respond({.status = 307, .headers = {{"location", "../ui"}}});
  });
  router.add("GET", "/ui/config.json", [this](const std::shared_ptr<Exchange>& exchange) {
    const nlohmann::json config = {{"api", config_->api}, {"server", config_->server}};
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
