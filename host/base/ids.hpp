// Ids for predictions whose client gave none.
#pragma once

#include <string>

namespace dream::host {

// 26 lower-case base32 characters from 130 random bits: the form that Cog's clients make
// themselves. Safe in URLs and file names. Throws std::system_error if the system gives no
// randomness.
std::string new_id();

}  // namespace dream::host
