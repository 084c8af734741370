#include "host/platform/problem.hpp"

namespace dream::host {
namespace {

constexpr int deepest = 64;

std::string title_of(int status) {
  if (status == 401) return "Unauthenticated";
  return std::string(reason_phrase(status));
}

}  // namespace

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Response json_answer(int status, const Json& body) {
  return {status, "application/json", to_text(body)};
}

Response problem_answer(const Refusal& refusal) {
  Json body = {{"title", title_of(refusal.status)},
               {"detail", refusal.what()},
               {"status", refusal.status}};
  if (!refusal.field.empty())
    body["invalid_fields"] = Json::array({{{"field", refusal.field}, {"detail", refusal.what()}}});
  Response response{refusal.status, "application/problem+json", to_text(body)};
  if (refusal.status == 401) response.headers.emplace_back("www-authenticate", "Bearer");
  if (refusal.retry_after_s > 0)
    response.headers.emplace_back("retry-after", std::to_string(refusal.retry_after_s));
  return response;
}

Json parse_body(const std::string& body) {
  if (body.find_first_not_of(" \t\r\n") == std::string::npos) return Json::object();
  // The parser itself has no limit, and what is built from what it reads is destroyed recursively.
  const auto bounded = [](int depth, Json::parse_event_t, Json&) {
    if (depth > deepest) throw Refusal(400, "the body is nested too deeply: at most 64 levels");
    return true;
  };
  Json json;
  try {
    json = Json::parse(body, bounded);
  } catch (const Json::exception& error) {
    const std::string text = error.what();
    throw Refusal(400, "the body is not JSON: " + text.substr(text.find("] ") + 2));
  }
  if (!json.is_object()) throw Refusal(400, "the body must be a JSON object");
  return json;
}

}  // namespace dream::host
