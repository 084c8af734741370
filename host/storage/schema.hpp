// The tables of the platform, as numbered steps that are only ever added to. A database says how
// many it has seen.
#pragma once

#include "host/storage/database.hpp"

namespace dream::host {

// Brings the tables up to date; several processes may do so at a time. Throws sql::Error, with
// Kind::newer for a database that a later version of this program has used.
void migrate(sql::Pool& pool);

}  // namespace dream::host
