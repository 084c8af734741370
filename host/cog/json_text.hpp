// JSON as text in the very form Cog prints it: compact, keys sorted, numbers as Rust writes them.
// Validation messages quote the offending value, and clients compare them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace dream::host {

// For bodies: compact, keys sorted; invalid UTF-8 becomes U+FFFD.
std::string compact(const nlohmann::json& value);

// For messages: as compact(), with floating-point numbers as "1.5", "1e-7", "1e+20".
std::string quote(const nlohmann::json& value);

// 2.0 → 2: schemas carry limits as doubles, the wire shows whole ones as integers.
nlohmann::json tidy_number(const nlohmann::json& number);

}  // namespace dream::host
