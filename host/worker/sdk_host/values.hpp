// dream_value trees to and from JSON. Values that come from a template are checked (null pointers,
// depth, finite numbers), for a template's mistake must not become the worker's crash.
#pragma once

#include <dream/abi/types.h>

#include <deque>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dream::worker {

// "string", "integer", …, as in a SCHEMA of protocol.hpp; "unknown type 42" otherwise.
std::string type_name(std::uint32_t type);

// The text of a dream_str; `what` names it in the SdkError for a null pointer with a size.
std::string_view view(dream_str text, std::string_view what);
inline dream_str to_str(std::string_view text) {
  return {text.data(), text.size()};
}

// A template's value as JSON; DREAM_JSON text is parsed. `what` names the value in the SdkError.
nlohmann::json to_json(const dream_value* value, std::string_view what);

// For messages: the value as JSON text, cut off where it gets long.
std::string short_text(const nlohmann::json& json);

// True if `json` is a value of `type`; 3.0 counts as an integer, DREAM_NULL takes only null.
bool is_of_type(const nlohmann::json& json, dream_type type);

// Owns the dream_value trees of one run. Addresses stay valid for its whole life.
class ValueArena {
 public:
  // `json` must be of `type`.
  const dream_value* make(const nlohmann::json& json, dream_type type);
  const dream_value* make_list(std::span<const dream_value* const> items);

 private:
  std::deque<dream_value> values_;
  std::deque<std::string> strings_;
  std::deque<std::vector<const dream_value*>> lists_;
};

}  // namespace dream::worker
