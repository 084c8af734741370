// The lax inputs of Cog's first, Python server: what clients of that time sent as text is taken as
// what it says, by the rules of pydantic 1, which that server used.
#pragma once

#include <nlohmann/json.hpp>

namespace dream::host {

// `input` with "3" for an integer made 3, "true" or 1 for a boolean made true, 3 for a string made
// "3", and so on, also in lists; what cannot be read that way is unchanged, for validation to
// refuse. A null for an input that has a default counts as absent. `schema` is a SCHEMA object of
// protocol.hpp.
nlohmann::json coerce_input(const nlohmann::json& schema, nlohmann::json input);

}  // namespace dream::host
