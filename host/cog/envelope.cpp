#include "host/cog/envelope.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>

#include "host/base/text.hpp"
#include "host/cog/json_text.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

constexpr int max_depth = 127;  // of nesting; printing a document recurses

struct SyntaxError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct ShapeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// "application/json" or "application/*+json", parameters and case aside.
bool is_json_type(std::string_view type) {
  std::string essence = lower(type.substr(0, type.find(';')));
  while (!essence.empty() && essence.back() == ' ') essence.pop_back();
  if (essence == "application/json") return true;
  return essence.starts_with("application/") && essence.ends_with("+json");
}

// " at line 2 column 5" of the byte before `offset`.
std::string position(const std::string& text, std::size_t offset) {
  offset = std::min(offset, text.size());
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(offset);
  const auto lines = std::count(text.begin(), end, '\n');
  const std::size_t start = offset == 0 ? std::string::npos : text.rfind('\n', offset - 1);
  const std::size_t column = start == std::string::npos ? offset : offset - start - 1;
  return fmt::format(" at line {} column {}", lines + 1, column);
}

json parse(const std::string& text) {
  if (text.starts_with("\xEF\xBB\xBF")) throw SyntaxError("expected value at line 1 column 1");
  std::set<std::string> seen;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > max_depth) throw SyntaxError("recursion limit exceeded");
    if (event != json::parse_event_t::key || depth != 1) return true;
    static const std::set<std::string> fields{"id", "input", "context", "webhook",
                                              "webhook_events_filter"};
    const std::string key = parsed.get<std::string>();
    if (fields.contains(key) && !seen.insert(key).second) {
      throw ShapeError(fmt::format("duplicate field `{}`", key));
    }
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (const json::parse_error& error) {
    const bool end = error.byte > text.size();
    throw SyntaxError((end ? "EOF while parsing a value" : "expected value") +
                      position(text, end ? text.size() : error.byte));
  } catch (const json::exception&) {
    throw SyntaxError("number out of range");
  }
}

// The value as serde names it in "invalid type: …, expected a string".
std::string kind_of(const json& value) {
  if (value.is_null()) return "null";
  if (value.is_boolean()) return fmt::format("boolean `{}`", value.get<bool>());
  if (value.is_number_integer()) return fmt::format("integer `{}`", compact(value));
  if (value.is_number()) return fmt::format("floating point `{}`", quote(value));
  if (value.is_string()) return "string " + compact(value);
  return value.is_array() ? "sequence" : "map";
}

[[noreturn]] void wrong_type(const std::string& field, const json& value,
                             const std::string& expected) {
  const std::string prefix = field.empty() ? "" : field + ": ";
  throw ShapeError(
      fmt::format("{}invalid type: {}, expected {}", prefix, kind_of(value), expected));
}

std::optional<std::string> optional_text(const json& body, const std::string& field) {
  const auto value = body.find(field);
  if (value == body.end() || value->is_null()) return std::nullopt;
  if (!value->is_string()) wrong_type(field, *value, "a string");
  return value->get<std::string>();
}

std::map<std::string, std::string> context_of(const json& body) {
  const auto context = body.find("context");
  if (context == body.end()) return {};
  if (!context->is_object()) wrong_type("context", *context, "a map");
  for (const auto& [key, value] : context->items()) {
    if (!value.is_string()) wrong_type("context." + key, value, "a string");
  }
  return *context;
}

WebhookEvents events_of(const json& body) {
  const auto filter = body.find("webhook_events_filter");
  if (filter == body.end()) return WebhookEvents::all();
  if (!filter->is_array()) wrong_type("webhook_events_filter", *filter, "a sequence");
  WebhookEvents events;
  for (std::size_t i = 0; i < filter->size(); ++i) {
    const json& name = (*filter)[i];
    const std::string where = fmt::format("webhook_events_filter[{}]", i);
    if (!name.is_string()) wrong_type(where, name, "a string");
    if (!events.add(name.get<std::string>())) {
      throw ShapeError(fmt::format(
          "{}: unknown variant `{}`, expected one of `start`, `output`, `logs`, `completed`", where,
          name.get<std::string>()));
    }
  }
  return events;
}

Envelope to_envelope(const json& body) {
  if (!body.is_object()) wrong_type("", body, "struct PredictionRequest");
  Envelope envelope;
  envelope.id = optional_text(body, "id");
  if (const auto input = body.find("input"); input != body.end() && !input->is_null()) {
    envelope.input = *input;
  }
  envelope.context = context_of(body);
  envelope.webhook = optional_text(body, "webhook");
  envelope.webhook_events = events_of(body);
  return envelope;
}

Envelope to_legacy_envelope(json body) {
  if (!body.is_object()) wrong_type("", body, "an object");
  for (const char* field : {"context", "webhook_events_filter"})
    if (const auto value = body.find(field); value != body.end() && value->is_null())
      body.erase(value);
  Envelope envelope = to_envelope(body);
  envelope.output_file_prefix = optional_text(body, "output_file_prefix");
  return envelope;
}

Response legacy_refusal(const char* type, const std::string& message) {
  const json detail = {{"loc", {"body"}}, {"msg", message}, {"type", type}};
  return {422, "application/json", compact({{"detail", json::array({detail})}})};
}

}  // namespace

std::variant<Envelope, Response> parse_envelope(const Request& request) {
  static constexpr char plain[] = "text/plain; charset=utf-8";
  const std::string* type = request.header("content-type");
  if (type == nullptr) {
    Envelope empty;
    empty.webhook_events = WebhookEvents::all();
    return empty;
  }
  if (!is_json_type(*type)) {
    return Response{415, plain, "Expected request with `Content-Type: application/json`"};
  }
  try {
    return to_envelope(parse(request.body));
  } catch (const SyntaxError& error) {
    return Response{400, plain,
                    fmt::format("Failed to parse the request body as JSON: {}", error.what())};
  } catch (const ShapeError& error) {
    return Response{
        422, plain,
        fmt::format("Failed to deserialize the JSON body into the target type: {}", error.what())};
  }
}

std::variant<Envelope, Response> parse_legacy_envelope(const Request& request) {
  try {
    return to_legacy_envelope(request.body.empty() ? json::object() : parse(request.body));
  } catch (const SyntaxError& error) {
    return legacy_refusal("value_error.jsondecode", error.what());
  } catch (const ShapeError& error) {
    return legacy_refusal("type_error", error.what());
  }
}

}  // namespace dream::host
