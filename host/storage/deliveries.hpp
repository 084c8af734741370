// The outbox of webhooks in the platform's database: kept in the transaction that changes what they
// tell of, delivered later by whichever process takes them. A receiver may get one twice, with the
// same id.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/storage/clock.hpp"
#include "host/storage/database.hpp"

namespace dream::host {

struct NewDelivery {
  std::string subject;  // id of what it tells of
  std::string url;
  std::string body;  // JSON
  std::string account = {};       // whose secret signs it too
  std::int64_t tries = 20;        // at most; 1 for what the next one makes stale
};

struct Delivery : NewDelivery {
  std::string id;      // "msg_…", the webhook-id
  std::string status;  // "waiting", "delivered", "failed"
  std::int64_t attempt = 0;
  Micros due_at = 0;
  std::optional<std::int64_t> last_status;  // of HTTP
  std::optional<std::string> last_error;
  Micros created_at = 0;
  std::optional<Micros> completed_at;
};

// Due at once. Part of the caller's transaction.
void add_delivery(sql::Database& database, const NewDelivery& delivery);

class Deliveries {
 public:
  explicit Deliveries(sql::Pool& pool) : pool_(pool) {}

  // One that is due, for `lease` microseconds; nobody else gets it meanwhile. Its attempt counts
  // this try.
  std::optional<Delivery> claim(const std::string& owner, Micros lease);
  // Keeps those of `owner` for `lease` from now on.
  void renew(const std::string& owner, Micros lease);
  // The receiver took it.
  void delivered(const Delivery& delivery, std::int64_t http_status);
  // To be tried again at `due`; without it the delivery has failed for good.
  void refused(const Delivery& delivery, std::optional<std::int64_t> http_status,
               const std::string& error, std::optional<Micros> due);
  // All about one subject, oldest first.
  std::vector<Delivery> about(const std::string& subject);
  // The newest about `subject` becomes due again, with its id. False if there is none.
  bool send_again(const std::string& subject);

 private:
  sql::Pool& pool_;
};

}  // namespace dream::host
