// `-i name=value` by the types of a template's schema.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace dream::host {

// The input object that the assignments make on top of `base` (from --input-json). Values are read
// by the schema's type: integers, numbers, booleans (true, false, yes, no, 1, 0), JSON, text; null
// where it is allowed; a list as a JSON array or one item per assignment (of anything else the last
// assignment counts); a file as @PATH (made absolute), a path, or a data, http or https URL. Limits
// and choices are checked later, by the validator that the HTTP side uses too.
// Throws UsageError that names the input, the value and what is allowed; for an unknown name it
// gives the closest ones.
nlohmann::json parse_inputs(const nlohmann::json& schema,
                            const std::vector<std::string>& assignments, nlohmann::json base);

// What an input takes, for people: "integer from 1 to 500", "one of DDIM, PNDM".
std::string describe_allowed(const nlohmann::json& input);

}  // namespace dream::host
