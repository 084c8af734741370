// Value: an input or output in a test. Made from plain C++ values, compared by content.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstdio>
#include <dream/value.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dream::testing {

struct Value {
  uint32_t type = DREAM_NULL;  // dream_type
  std::string text;            // string, file (its path), secret, JSON
  int64_t integer = 0;         // also a boolean, 0 or 1
  double number = 0;
  std::vector<Value> items;

  Value() = default;
  Value(const char* value) : Value(DREAM_STRING, value) {}
  Value(std::string value) : Value(DREAM_STRING, std::move(value)) {}
  Value(const dream::File& value) : Value(DREAM_FILE, value.path) {}
  Value(const Secret& value) : Value(DREAM_SECRET, value.reveal()) {}
  Value(const Json& value) : Value(DREAM_JSON, value.text) {}
  Value(uint32_t value_type, std::string value) : type(value_type), text(std::move(value)) {}
  Value(std::vector<Value> values) : type(DREAM_LIST), items(std::move(values)) {}
  Value(std::same_as<bool> auto value) : type(DREAM_BOOLEAN), integer(value ? 1 : 0) {}
  Value(detail::Integer auto value) : type(DREAM_INTEGER), integer(value) {}
  Value(std::floating_point auto value) : type(DREAM_NUMBER), number(value) {}

  bool operator==(const Value&) const = default;

  // What a value of the C ABI says.
  static Value copy(const dream_value& value) {
    switch (value.type) {
      case DREAM_NULL:
        return {};
      case DREAM_INTEGER:
        return value.as.integer;
      case DREAM_NUMBER:
        return value.as.number;
      case DREAM_BOOLEAN:
        return value.as.boolean != 0;
      case DREAM_LIST: {
        std::vector<Value> items;
        for (std::size_t i = 0; i < value.as.items.size; ++i) {
          items.push_back(copy(*value.as.items.data[i]));
        }
        return items;
      }
      default:
        return {value.type, std::string(detail::view(value.as.string))};
    }
  }
};

using List = std::vector<Value>;

// "string", "integer", …: a dream_type in words.
inline const char* type_name(uint32_t type) {
  static constexpr const char* names[] = {"null", "string", "integer", "number", "boolean",
                                          "file", "secret", "json",    "list"};
  return type <= DREAM_LIST ? names[type] : "unknown";
}

// The value as a person would write it; secrets stay hidden.
inline std::string to_text(const Value& value) {
  char digits[32];
  switch (value.type) {
    case DREAM_NULL:
      return "null";
    case DREAM_INTEGER:
      return std::to_string(value.integer);
    case DREAM_NUMBER:
      std::snprintf(digits, sizeof digits, "%.15g", value.number);
      return digits;
    case DREAM_BOOLEAN:
      return value.integer != 0 ? "true" : "false";
    case DREAM_SECRET:
      return "***";
    case DREAM_JSON:
      return value.text;
    case DREAM_LIST: {
      std::string text;
      for (const Value& item : value.items) text += (text.empty() ? "" : ", ") + to_text(item);
      return "[" + text + "]";
    }
    default:
      return '"' + value.text + '"';
  }
}

}  // namespace dream::testing
