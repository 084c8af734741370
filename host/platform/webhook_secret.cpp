#include "host/platform/webhook_secret.hpp"

#include "host/base/base64.hpp"
#include "host/base/ids.hpp"
#include "host/storage/replies.hpp"

namespace dream::host {

std::string webhook_secret(sql::Pool& pool, const std::string& account) {
  const std::string name = "webhook_secret " + account;
  if (const auto kept = find_setting(pool, name)) return *kept;
  return shared_setting(pool, name, "whsec_" + base64_encode(new_id() + new_id()));
}

}  // namespace dream::host
