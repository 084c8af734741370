#include "host/cog/json_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace dream::host {
namespace {

// Shortest digits that read back the same. Plain notation for exponents -5 ≤ e < 16, as Rust's
// serde_json has it; else "1.5e+20".
std::string float_text(double number) {
  if (!std::isfinite(number)) return "null";
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number,
                                 std::chars_format::scientific);
  const std::string scientific(buffer.data(), end.ptr);
  const std::size_t e = scientific.find('e');
  const int exponent = std::stoi(scientific.substr(e + 1));
  if (exponent < -5 || exponent >= 16) {
    return scientific.substr(0, e) + (exponent < 0 ? "e-" : "e+") +
           std::to_string(std::abs(exponent));
  }
  const auto plain =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::fixed);
  std::string text(buffer.data(), plain.ptr);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

void append(const nlohmann::json& value, std::string& out) {
  const char* separator = "";
  if (value.is_number_float()) {
    out += float_text(value.get<double>());
  } else if (value.is_array()) {
    out += '[';
    for (const auto& item : value) {
      out += separator;
      append(item, out);
      separator = ",";
    }
    out += ']';
  } else if (value.is_object()) {
    out += '{';
    for (const auto& [key, item] : value.items()) {
      out += separator;
      out += compact(key) + ":";
      append(item, out);
      separator = ",";
    }
    out += '}';
  } else {
    out += compact(value);
  }
}

}  // namespace

std::string compact(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string quote(const nlohmann::json& value) {
  std::string out;
  append(value, out);
  return out;
}

nlohmann::json tidy_number(const nlohmann::json& number) {
  if (!number.is_number_float()) return number;
  const double value = number.get<double>();
  if (std::trunc(value) != value || std::abs(value) >= 9007199254740992.0) return number;
  return static_cast<std::int64_t>(value);
}

}  // namespace dream::host
