// Arbitrary JSON as the input of a template with every kind of input. What passes must be whole and
// pass again as it is; what does not must be told in a body that can be sent.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "host/cog/input_validation.hpp"
#include "host/cog/json_text.hpp"

namespace {

using nlohmann::json;

void require(bool holds) {
  if (!holds) std::abort();
}

const json& schema() {
  static const json declared = json::parse(R"({
  "name": "all", "output": {"type": "string", "kind": "single"},
  "inputs": [
    {"name": "text", "type": "string", "default": "hello", "min_length": 2, "max_length": 8,
     "regex": "^[a-z]+$"},
    {"name": "count", "type": "integer", "default": 3, "ge": 1.0, "le": 10.0},
    {"name": "scale", "type": "number", "default": 1.5, "ge": 0.5, "le": 2.5},
    {"name": "flag", "type": "boolean", "default": false},
    {"name": "mode", "type": "string", "default": "a", "choices": ["a", "b"]},
    {"name": "size", "type": "integer", "default": 128, "choices": [128, 256]},
    {"name": "maybe", "type": "integer", "nullable": true, "ge": 0},
    {"name": "file", "type": "file", "nullable": true},
    {"name": "files", "type": "file", "list": true, "nullable": true},
    {"name": "key", "type": "secret", "nullable": true},
    {"name": "any", "type": "json", "nullable": true},
    {"name": "names", "type": "string", "list": true, "default": ["x"], "max_length": 3},
    {"name": "wholes", "type": "integer", "list": true, "default": []},
    {"name": "uni", "type": "string", "any_of": ["string", "integer"], "default": "u"},
    {"name": "wide", "type": "integer", "default": 0},
    {"name": "need", "type": "string"}]})");
  return declared;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dream::host;
  const json input = json::parse(data, data + size, nullptr, false);
  if (input.is_discarded()) return 0;
  std::vector<ValidationError> errors;
  std::vector<std::string> stripped;
  const json resolved = resolve_input(schema(), input, errors, &stripped);
  if (!errors.empty()) {
    require(json::parse(compact(validation_body(errors))).at("detail").size() == errors.size());
    return 0;
  }
  require(resolved.size() == schema().at("inputs").size());
  for (const std::string& name : stripped) require(!resolved.contains(name));
  std::vector<ValidationError> again;
  require(resolve_input(schema(), resolved, again) == resolved && again.empty());
  return 0;
}
