#include "host/cog/validation_words.hpp"

#include <fmt/format.h>

#include "host/cog/json_text.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

class JsonSchemaWords final : public ValidationWords {
 public:
  Complaint wrong_type(const std::string& shown, std::string_view type) const override {
    return {fmt::format("{} is not of type \"{}\"", shown, type)};
  }
  Complaint not_in_union(const std::string& shown) const override {
    return {shown + " is not valid under any of the schemas listed in the 'anyOf' keyword"};
  }
  Complaint not_a_choice(const std::string& shown, const json& choices) const override {
    return {fmt::format("{} is not one of {}", shown, quote(choices))};
  }
  Complaint too_long(const std::string& shown, std::size_t most) const override {
    return {fmt::format("{} is longer than {} {}", shown, most, characters(most))};
  }
  Complaint too_short(const std::string& shown, std::size_t least) const override {
    return {fmt::format("{} is shorter than {} {}", shown, least, characters(least))};
  }
  Complaint too_great(const std::string& shown, const json& most) const override {
    return {fmt::format("{} is greater than the maximum of {}", shown, quote(most))};
  }
  Complaint too_small(const std::string& shown, const json& least) const override {
    return {fmt::format("{} is less than the minimum of {}", shown, quote(least))};
  }
  Complaint no_match(const std::string& shown, const std::string& pattern) const override {
    return {fmt::format("{} does not match {}", shown, quote(pattern))};
  }
  Complaint missing() const override { return {"Field required", "value_error.missing"}; }

 private:
  static std::string_view characters(std::size_t count) {
    return count == 1 ? "character" : "characters";
  }
};

// The name of a type and the end of its error's type.
struct PydanticType {
  std::string_view wire, message, error;
};
constexpr PydanticType pydantic_types[] = {
    {"integer", "value is not a valid integer", "integer"},
    {"number", "value is not a valid float", "float"},
    {"boolean", "value could not be parsed to a boolean", "bool"},
    {"array", "value is not a valid list", "list"},
    {"object", "value is not a valid dict", "dict"},
    {"string", "str type expected", "str"}};

class PydanticWords final : public ValidationWords {
 public:
  Complaint wrong_type(const std::string&, std::string_view type) const override {
    for (const auto& known : pydantic_types)
      if (known.wire == type)
        return {std::string(known.message), fmt::format("type_error.{}", known.error)};
    return {"value is not valid", "type_error"};
  }
  Complaint not_in_union(const std::string&) const override {
    return {"value is of none of the permitted types", "type_error"};
  }
  Complaint not_a_choice(const std::string&, const json& choices) const override {
    std::string permitted;
    for (const auto& choice : choices) {
      permitted += permitted.empty() ? "" : ", ";
      permitted +=
          choice.is_string() ? fmt::format("'{}'", choice.get<std::string>()) : quote(choice);
    }
    return {"value is not a valid enumeration member; permitted: " + permitted, "type_error.enum"};
  }
  Complaint too_long(const std::string&, std::size_t most) const override {
    return {fmt::format("ensure this value has at most {} characters", most),
            "value_error.any_str.max_length"};
  }
  Complaint too_short(const std::string&, std::size_t least) const override {
    return {fmt::format("ensure this value has at least {} characters", least),
            "value_error.any_str.min_length"};
  }
  Complaint too_great(const std::string&, const json& most) const override {
    return {"ensure this value is less than or equal to " + quote(most),
            "value_error.number.not_le"};
  }
  Complaint too_small(const std::string&, const json& least) const override {
    return {"ensure this value is greater than or equal to " + quote(least),
            "value_error.number.not_ge"};
  }
  Complaint no_match(const std::string&, const std::string& pattern) const override {
    return {fmt::format("string does not match regex \"{}\"", pattern), "value_error.str.regex"};
  }
  Complaint missing() const override { return {"field required", "value_error.missing"}; }
};

}  // namespace

const ValidationWords& json_schema_words() {
  static const JsonSchemaWords words;
  return words;
}

const ValidationWords& pydantic_words() {
  static const PydanticWords words;
  return words;
}

}  // namespace dream::host
