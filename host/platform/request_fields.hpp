// Members of JSON bodies, read with refusals that name them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "host/platform/problem.hpp"

namespace dream::host {

// Nothing where it is absent, null or "". Throws Refusal (422) for what is no text, is longer than
// `longest` bytes or holds a NUL.
std::optional<std::string> text_field(const Json& body, const std::string& name,
                                      std::size_t longest);
// Nothing where it is absent or null. Throws Refusal (422) for what is no whole number within the
// bounds.
std::optional<std::int64_t> number_field(const Json& body, const std::string& name,
                                         std::int64_t least, std::int64_t most);

}  // namespace dream::host
