#include "host/cli/input_values.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <filesystem>
#include <optional>
#include <set>

#include "host/base/text.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/suggestions.hpp"
#include "host/predictions/secrets.hpp"

namespace dream::host {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

[[noreturn]] void refuse(const json& input, std::string value) {
  if (input.value("type", "") == "secret") value = secret_mask;
  throw UsageError(fmt::format("input {}: '{}' is not allowed: {}",
                               input.at("name").get<std::string>(), value,
                               describe_allowed(input)));
}

template <class Number>
std::optional<Number> signed_number(std::string_view text) {
  return parse_number<Number>(text.substr(text.starts_with('+') ? 1 : 0));
}

json parse_boolean(const json& input, const std::string& text) {
  if (text == "true" || text == "True" || text == "yes" || text == "1") return true;
  if (text == "false" || text == "False" || text == "no" || text == "0") return false;
  refuse(input, text);
}

json parse_file(const json& input, const std::string& text) {
  const bool marked = text.starts_with('@');
  for (const char* scheme : {"data:", "http://", "https://"})
    if (text.starts_with(scheme)) return text;
  const fs::path path = marked ? text.substr(1) : text;
  std::error_code error;
  if (!fs::is_regular_file(path, error))
    throw UsageError(fmt::format("input {}: there is no file '{}'",
                                 input.at("name").get<std::string>(), path.string()));
  return fs::absolute(path).lexically_normal().string();
}

json parse_json_text(const json& input, const std::string& text) {
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) refuse(input, text);
  return value;
}

// A value of several possible types: as JSON if that is one of them, else as text.
json parse_any_of(const json& input, const std::string& text) {
  const json value = json::parse(text, nullptr, false);
  for (const auto& type : input.at("any_of")) {
    const bool fits = (type == "integer" && value.is_number_integer()) ||
                      (type == "number" && value.is_number()) ||
                      (type == "boolean" && value.is_boolean()) ||
                      (type == "json" && !value.is_discarded());
    if (fits) return value;
  }
  return text;
}

// A file that a reference names may be marked as a file input is: @style.safetensors@0.8,
// canny=@photo.png@0.8.
std::string unmarked_reference(const json& input, std::string text) {
  const std::size_t begin =
      input.value("named_reference", false) ? text.find('=') + 1 : std::size_t{0};
  if (begin < text.size() && text[begin] == '@') text.erase(begin, 1);
  return text;
}

json parse_item(const json& input, const std::string& text) {
  if (input.contains("any_of") && !input["any_of"].empty()) return parse_any_of(input, text);
  const auto type = input.value("type", "string");
  if (type == "integer") {
    if (const auto number = signed_number<std::int64_t>(text)) return *number;
    refuse(input, text);
  }
  if (type == "number") {
    const auto number = signed_number<double>(text);
    if (number && std::isfinite(*number)) return *number;
    refuse(input, text);
  }
  if (type == "boolean") return parse_boolean(input, text);
  if (type == "file") return parse_file(input, text);
  if (type == "json") return parse_json_text(input, text);
  return input.contains("reference") ? unmarked_reference(input, text) : text;
}

void assign(json& result, const json& input, const std::string& text, bool again) {
  const auto name = input.at("name").get<std::string>();
  json& target = result[name];
  if (!input.value("list", false)) {
    target = text == "null" && input.value("nullable", false) ? json() : parse_item(input, text);
    return;
  }
  if (!again) target = json::array();
  if (text == "null" && input.value("nullable", false)) {
    target = json();
  } else if (text.starts_with('[')) {
    const json items = parse_json_text(input, text);
    const bool files = input.value("type", "") == "file";
    for (const auto& item : items)
      target.push_back(files && item.is_string() ? parse_file(input, item) : item);
  } else {
    target.push_back(parse_item(input, text));
  }
}

const json& find_input(const json& schema, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& input : schema.at("inputs")) {
    if (input.at("name") == name) return input;
    names.push_back(input.at("name"));
  }
  const auto closest = closest_names(name, names);
  throw UsageError(
      closest.empty()
          ? fmt::format("unknown input '{}'. There are: {}", name, fmt::join(names, ", "))
          : fmt::format("unknown input '{}', did you mean {}?", name, fmt::join(closest, " or ")));
}

std::string limits_text(const json& input, const char* low, const char* high, const char* unit) {
  std::string text;
  if (input.contains(low)) text += fmt::format(" from {}", input[low].dump());
  if (input.contains(high))
    text += fmt::format("{} {}", input.contains(low) ? " to" : " up to", input[high].dump());
  return text.empty() ? text : text + unit;
}

}  // namespace

std::string describe_allowed(const json& input) {
  std::string text;
  if (input.contains("choices") && !input["choices"].empty()) {
    std::vector<std::string> choices;
    for (const auto& choice : input["choices"])
      choices.push_back(choice.is_string() ? choice.get<std::string>() : choice.dump());
    text = fmt::format("one of {}", fmt::join(choices, ", "));
  } else {
    const auto type = input.value("type", "string");
    text = type == "boolean" ? "true or false" : type == "file" ? "@FILE or a URL" : type;
    text += limits_text(input, "ge", "le", "");
    text += limits_text(input, "min_length", "max_length", " characters");
    if (input.contains("regex"))
      text += fmt::format(" matching {}", input["regex"].get<std::string>());
  }
  if (input.value("list", false)) text = "list of " + text;
  return input.value("nullable", false) ? text + ", or null" : text;
}

json parse_inputs(const json& schema, const std::vector<std::string>& assignments, json base) {
  if (!base.is_object()) throw UsageError("the inputs are not a JSON object");
  for (auto& [name, value] : base.items()) {
    const json& input = find_input(schema, name);
    if (input.value("type", "") != "file") continue;
    if (value.is_string()) value = parse_file(input, value);
    if (!value.is_array()) continue;
    for (auto& item : value)
      if (item.is_string()) item = parse_file(input, item);
  }
  std::set<std::string> seen;
  for (const auto& assignment : assignments) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UsageError(fmt::format("-i '{}': write it as name=value", assignment));
    const std::string name = assignment.substr(0, equals);
    const json& input = find_input(schema, name);
    assign(base, input, assignment.substr(equals + 1), !seen.insert(name).second);
  }
  return base;
}

}  // namespace dream::host
