// The outbox of webhooks in the platform's database: kept in the transaction that changes what they
// tell of, delivered later by whichever process takes them, those about one subject in their order.
// A receiver may get one twice, with the same id.
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
  std::string event = "completed";  // "start", "output", "logs"
};

struct Delivery : NewDelivery {
  std::string id;      // "msg_…", the webhook-id
  std::string receiver;  // host and port of the URL
  std::string status;    // "waiting", "delivered", "failed"
  std::int64_t attempt = 0;
  Micros due_at = 0;
  std::optional<std::int64_t> last_status;  // of HTTP
  std::optional<std::string> last_error;
  Micros created_at = 0;
  std::optional<Micros> completed_at;
};

// Host and port of a URL, in lower case, without a login.
std::string receiver_of(const std::string& url);

// Due at once. Part of the caller's transaction. Of "output" and "logs" about a subject the newest
// alone waits, since it tells all that the others did.
void add_delivery(sql::Database& database, const NewDelivery& delivery);

class Deliveries {
 public:
  explicit Deliveries(sql::Pool& pool) : pool_(pool) {}

  // One that is due, for `lease` microseconds; nobody else gets it meanwhile. Its attempt counts
  // this try. Not for one of the receivers `but`.
  std::optional<Delivery> claim(const std::string& owner, Micros lease,
                                const std::vector<std::string>& but = {});
  // Keeps those of `ids` that `owner` holds for `lease` from now on.
  void renew(const std::string& owner, Micros lease, const std::vector<std::string>& ids);
  // The receiver took it.
  void delivered(const Delivery& delivery, std::int64_t http_status);
  // To be tried again at `due`; without it the delivery has failed for good.
  void refused(const Delivery& delivery, std::optional<std::int64_t> http_status,
               const std::string& error, std::optional<Micros> due);
  // All about one subject, oldest first.
  std::vector<Delivery> about(const std::string& subject);
  // The newest about the end of `subject` becomes due again, with its id. False if there is none.
  bool send_again(const std::string& subject);

 private:
  sql::Pool& pool_;
};

}  // namespace dream::host
