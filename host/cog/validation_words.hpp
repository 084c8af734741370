// What is wrong with an input, in the words of a generation of Cog, which its clients look for.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace dream::host {

struct Complaint {
  std::string msg;
  std::string type = "value_error";
};

// `shown`: the value as JSON, or a mask in its place.
class ValidationWords {
 public:
  virtual ~ValidationWords() = default;

  // `type`: as on the wire, "integer", "array" and so on.
  virtual Complaint wrong_type(const std::string& shown, std::string_view type) const = 0;
  virtual Complaint not_in_union(const std::string& shown) const = 0;
  virtual Complaint not_a_choice(const std::string& shown, const nlohmann::json& choices) const = 0;
  virtual Complaint too_long(const std::string& shown, std::size_t most) const = 0;
  virtual Complaint too_short(const std::string& shown, std::size_t least) const = 0;
  virtual Complaint too_great(const std::string& shown, const nlohmann::json& most) const = 0;
  virtual Complaint too_small(const std::string& shown, const nlohmann::json& least) const = 0;
  virtual Complaint no_match(const std::string& shown, const std::string& pattern) const = 0;
  virtual Complaint missing() const = 0;
};

// The present Cog: JSON Schema's.
const ValidationWords& json_schema_words();
// Cog before 0.17, whose Python server had pydantic 1 speak.
const ValidationWords& pydantic_words();

}  // namespace dream::host
