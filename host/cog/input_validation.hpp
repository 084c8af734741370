// Checks a request's `input` against a template's schema before any worker sees it, by Cog's rules.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/cog/validation_words.hpp"

namespace dream::host {

struct ValidationError {
  std::vector<std::string> loc;  // {"body", "input", "width"}
  std::string msg;
  std::string type;  // "value_error", "value_error.missing", …
};

// The input as the worker gets it: unknown keys dropped (their names in `stripped`, if given),
// defaults filled in, absent nullable inputs null. Files are still what the client sent: a data
// URL, a URL or any other string. `schema` is a SCHEMA object of host/workers/protocol.hpp.
// Problems are appended to `errors`; the result is then not to be used.
nlohmann::json resolve_input(const nlohmann::json& schema, const nlohmann::json& input,
                             std::vector<ValidationError>& errors,
                             std::vector<std::string>* stripped = nullptr,
                             const ValidationWords& words = json_schema_words());

// The 422 body: {"detail":[{"loc":[…],"msg":…,"type":…}]}. Array indices in `loc` stay strings.
nlohmann::json validation_body(const std::vector<ValidationError>& errors);

}  // namespace dream::host
