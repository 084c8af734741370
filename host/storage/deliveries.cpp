#include "host/storage/deliveries.hpp"

#include <fmt/format.h>

#include "host/base/ids.hpp"
#include "host/base/text.hpp"

namespace dream::host {
namespace {

const std::string columns =
    "subject, url, body, id, status, attempt, due_at, last_status, last_error, created_at, "
    "completed_at, account, tries, receiver, event ";

// One whose turn it is among those about its subject. $1: now; those behind it: receivers that have
// enough.
std::string due_but(std::size_t receivers) {
  std::string full;
  for (std::size_t i = 0; i < receivers; ++i)
    full += fmt::format("{}${}", i == 0 ? " AND receiver NOT IN (" : ", ", i + 2);
  if (receivers > 0) full += ")";
  return "SELECT id FROM deliveries WHERE status = 'waiting' AND due_at <= $1 "
         "AND (lease_until IS NULL OR lease_until < $1)" + full +
         " AND NOT EXISTS (SELECT 1 FROM deliveries AS earlier WHERE "
         "earlier.subject = deliveries.subject AND earlier.status = 'waiting' AND "
         "(earlier.created_at, earlier.id) < (deliveries.created_at, deliveries.id)) "
         "ORDER BY due_at LIMIT 1";
}

Delivery to_delivery(const sql::Row& row) {
  sql::Cells cells(row);
  Delivery delivery;
  delivery.subject = cells.text();
  delivery.url = cells.text();
  delivery.body = cells.text();
  delivery.id = cells.text();
  delivery.status = cells.text();
  delivery.attempt = cells.integer();
  delivery.due_at = cells.integer();
  delivery.last_status = cells.maybe_integer();
  delivery.last_error = cells.maybe_text();
  delivery.created_at = cells.integer();
  delivery.completed_at = cells.maybe_integer();
  delivery.account = cells.text();
  delivery.tries = cells.integer();
  delivery.receiver = cells.text();
  delivery.event = cells.text();
  return delivery;
}

}  // namespace

std::string receiver_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const std::string authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  const std::size_t login = authority.rfind('@');
  return lower(login == std::string::npos ? authority : authority.substr(login + 1));
}

void add_delivery(sql::Database& database, const NewDelivery& delivery) {
  const Micros now = now_micros();
  if (delivery.event == "output" || delivery.event == "logs")
    database.run("DELETE FROM deliveries WHERE subject = $1 AND event = $2 AND attempt = 0 "
                 "AND status = 'waiting'",
                 delivery.subject, delivery.event);
  database.run("INSERT INTO deliveries (id, subject, url, body, status, due_at, created_at, "
               "account, tries, receiver, event) "
               "VALUES ($1, $2, $3, $4, 'waiting', $5, $6, $7, $8, $9, $10)",
               "msg_" + new_id(), delivery.subject, delivery.url, delivery.body, now, now,
               delivery.account, delivery.tries, receiver_of(delivery.url), delivery.event);
}

std::optional<Delivery> Deliveries::claim(const std::string& owner, Micros lease,
                                          const std::vector<std::string>& but) {
  const Micros now = now_micros();
  const std::string due = due_but(but.size());
  std::vector<sql::Value> values{now};
  for (const auto& receiver : but) values.emplace_back(receiver);
  // Looking first costs no right to write.
  if (pool_.with([&](sql::Database& database) {
        return database.run_values(due, values).rows.empty();
      }))
    return std::nullopt;
  values.emplace_back(owner);
  values.emplace_back(now + lease);
  return pool_.transact([&](sql::Database& database) -> std::optional<Delivery> {
    const auto claimed = database.run_values(
        fmt::format("UPDATE deliveries SET owner = ${}, lease_until = ${}, attempt = attempt + 1 "
                    "WHERE id = ({}{}) RETURNING {}",
                    values.size() - 1, values.size(), due, database.skip_locked(), columns),
        values);
    if (claimed.first() == nullptr) return std::nullopt;
    return to_delivery(*claimed.first());
  });
}

void Deliveries::renew(const std::string& owner, Micros lease,
                       const std::vector<std::string>& ids) {
  pool_.transact([&](sql::Database& database) {
    for (const auto& id : ids)
      database.run("UPDATE deliveries SET lease_until = $1 WHERE id = $2 AND owner = $3 "
                   "AND status = 'waiting'",
                   now_micros() + lease, id, owner);
  });
}

void Deliveries::delivered(const Delivery& delivery, std::int64_t http_status) {
  pool_.transact([&](sql::Database& database) {
    database.run("UPDATE deliveries SET status = 'delivered', completed_at = $1, last_status = $2, "
                 "last_error = NULL, lease_until = NULL, owner = NULL WHERE id = $3",
                 now_micros(), http_status, delivery.id);
  });
}

void Deliveries::refused(const Delivery& delivery, std::optional<std::int64_t> http_status,
                         const std::string& error, std::optional<Micros> again) {
  pool_.transact([&](sql::Database& database) {
    // One that another process has delivered meanwhile stays delivered.
    database.run("UPDATE deliveries SET status = $1, due_at = $2, completed_at = $3, "
                 "last_status = $4, last_error = $5, lease_until = NULL, owner = NULL "
                 "WHERE id = $6 AND status = 'waiting'",
                 again ? "waiting" : "failed", again.value_or(now_micros()),
                 again ? std::nullopt : std::optional<Micros>(now_micros()), http_status, error,
                 delivery.id);
  });
}

std::vector<Delivery> Deliveries::about(const std::string& subject) {
  return pool_.with([&](sql::Database& database) {
    std::vector<Delivery> all;
    const auto found = database.run("SELECT " + columns + "FROM deliveries WHERE subject = $1 "
                                    "ORDER BY created_at, id",
                                    subject);
    for (const auto& row : found.rows) all.push_back(to_delivery(row));
    return all;
  });
}

bool Deliveries::send_again(const std::string& subject) {
  return pool_.transact([&](sql::Database& database) {
    return database
               .run("UPDATE deliveries SET status = 'waiting', attempt = 0, due_at = $1, "
                    "completed_at = NULL, lease_until = NULL, owner = NULL WHERE id = ("
                    "SELECT id FROM deliveries WHERE subject = $2 AND event = 'completed' "
                    "ORDER BY created_at DESC, id DESC LIMIT 1)",
                    now_micros(), subject)
               .changed > 0;
  });
}

}  // namespace dream::host
