#include "host/http/router.hpp"

#include <spdlog/spdlog.h>

#include <exception>

#include "host/base/text.hpp"

namespace dream::host {
namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  if (path.starts_with('/')) path.remove_prefix(1);
  while (true) {
    const std::size_t slash = path.find('/');
    segments.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool is_parameter(std::string_view segment) {
  return segment.starts_with('{');
}

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  if (pattern.size() != path.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (is_parameter(pattern[i]) ? path[i].empty() : pattern[i] != path[i]) return false;
  }
  return true;
}

// Fills request.parameters; the name of the parameter that is not UTF-8, or "".
std::string bind_parameters(const std::vector<std::string>& pattern,
                            const std::vector<std::string>& path, Request& request) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (!is_parameter(pattern[i])) continue;
    const std::string name = pattern[i].substr(1, pattern[i].size() - 2);
    bool valid = true;
    request.parameters[name] = percent_decode(path[i], valid);
    if (!valid) return name;
  }
  return "";
}

void call(const Handler& handler, const std::shared_ptr<Exchange>& exchange) {
  try {
    handler(exchange);
  } catch (const std::exception& error) {
    const Request& request = exchange->request();
    spdlog::error("{} {}: {}", request.method, path_for_logs(request), error.what());
    exchange->respond({500, "application/json", R"({"error":"internal server error"})"});
  }
}

}  // namespace

void Router::add(std::string method, std::string_view pattern, Handler handler) {
  routes_.push_back({std::move(method), split(pattern), std::move(handler), nullptr});
}

void Router::add_upload(std::string method, std::string_view pattern, SinkOpener open,
                        Handler handler) {
  takes_uploads_ = true;
  routes_.push_back({std::move(method), split(pattern), std::move(handler), std::move(open)});
}

std::shared_ptr<BodySink> Router::open_sink(Request head) const {
  const auto path = split(head.path);
  for (const Route& route : routes_) {
    if (!route.open_sink || route.method != head.method || !matches(route.segments, path)) continue;
    if (!bind_parameters(route.segments, path, head).empty()) return nullptr;
    try {
      return route.open_sink(head);
    } catch (const std::exception& error) {
      spdlog::error("{} {}: {}", head.method, path_for_logs(head), error.what());
      return nullptr;
    }
  }
  return nullptr;
}

void Router::handle(const std::shared_ptr<Exchange>& exchange) const {
  Request& request = exchange->request();
  const auto path = split(request.path);
  const std::string wanted = request.method == "HEAD" ? "GET" : request.method;
  std::string allow;
  for (const Route& route : routes_) {
    if (!matches(route.segments, path)) continue;
    if (route.method != wanted) {
      if (!allow.empty()) allow += ',';
      allow += route.method == "GET" ? "GET,HEAD" : route.method;
      continue;
    }
    const std::string bad = bind_parameters(route.segments, path, request);
    if (bad.empty()) return call(route.handler, exchange);
    return exchange->respond(
        {400, "text/plain; charset=utf-8", "Invalid URL: Invalid UTF-8 in `" + bad + "`"});
  }
  if (allow.empty()) return exchange->respond({.status = 404});
  exchange->respond({.status = 405, .headers = {{"allow", allow}}});
}

}  // namespace dream::host
