// The secret of an account that its webhooks are signed with, besides those of the platform.
#pragma once

#include <string>

#include "host/storage/database.hpp"

namespace dream::host {

// "whsec_…", made when it is first asked for.
std::string webhook_secret(sql::Pool& pool, const std::string& account);

}  // namespace dream::host
