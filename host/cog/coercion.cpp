#include "host/cog/coercion.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include "host/base/text.hpp"
#include "host/cog/json_text.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

// The whole text as a number; spaces around it do not matter, as in Python's int() and float().
template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  text = trimmed(text, " \t\n\v\f\r");
  if (text.starts_with('+')) text.remove_prefix(1);
  return parse_number<Number>(text);
}

std::optional<bool> boolean_in(std::string_view written) {
  static constexpr std::array<std::string_view, 6> yes{"1", "on", "t", "true", "y", "yes"};
  static constexpr std::array<std::string_view, 6> no{"0", "off", "f", "false", "n", "no"};
  const std::string text = lower(written);
  if (std::find(yes.begin(), yes.end(), text) != yes.end()) return true;
  if (std::find(no.begin(), no.end(), text) != no.end()) return false;
  return std::nullopt;
}

json to_integer(const json& value) {
  if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
  if (value.is_number_float() && std::abs(value.get<double>()) < 9.2e18)
    return static_cast<std::int64_t>(std::trunc(value.get<double>()));
  if (!value.is_string()) return value;
  const auto number = number_in<std::int64_t>(value.get_ref<const std::string&>());
  return number ? json(*number) : value;
}

json to_number(const json& value) {
  if (value.is_boolean()) return value.get<bool>() ? 1.0 : 0.0;
  if (!value.is_string()) return value;
  const auto number = number_in<double>(value.get_ref<const std::string&>());
  return number && std::isfinite(*number) ? json(*number) : value;
}

json to_boolean(const json& value) {
  if (value.is_number() && (value == 0 || value == 1)) return value == 1;
  if (!value.is_string()) return value;
  const auto truth = boolean_in(value.get_ref<const std::string&>());
  return truth ? json(*truth) : value;
}

json to_text(const json& value) {
  return value.is_number() ? json(quote(value)) : value;
}

json coerce(const json& value, const std::string& type) {
  if (type == "integer") return to_integer(value);
  if (type == "number") return to_number(value);
  if (type == "boolean") return to_boolean(value);
  return type == "string" ? to_text(value) : value;
}

}  // namespace

json coerce_input(const json& schema, json input) {
  if (!input.is_object()) return input;
  for (const auto& declared : schema.at("inputs")) {
    const auto given = input.find(declared.at("name").get<std::string>());
    if (given == input.end()) continue;
    if (given->is_null() && declared.contains("default")) {
      input.erase(given);
      continue;
    }
    const bool is_union = declared.contains("any_of") && !declared["any_of"].empty();
    if (is_union || given->is_null()) continue;
    const std::string type = declared.at("type");
    if (!declared.value("list", false)) {
      *given = coerce(*given, type);
    } else if (given->is_array()) {
      for (auto& item : *given) item = coerce(item, type);
    }
  }
  return input;
}

}  // namespace dream::host
