#include "host/storage/deliveries.hpp"

#include "host/base/ids.hpp"

namespace dream::host {
namespace {

const std::string columns =
    "subject, url, body, id, status, attempt, due_at, last_status, last_error, created_at, "
    "completed_at, account, tries ";
const std::string due =
    "SELECT id FROM deliveries WHERE status = 'waiting' AND due_at <= $1 "
    "AND (lease_until IS NULL OR lease_until < $1) ORDER BY due_at LIMIT 1";

Delivery to_delivery(const sql::Row& row) {
  Delivery delivery;
  delivery.subject = row.text(0);
  delivery.url = row.text(1);
  delivery.body = row.text(2);
  delivery.id = row.text(3);
  delivery.status = row.text(4);
  delivery.attempt = row.integer(5);
  delivery.due_at = row.integer(6);
  delivery.last_status = row.maybe_integer(7);
  delivery.last_error = row.maybe_text(8);
  delivery.created_at = row.integer(9);
  delivery.completed_at = row.maybe_integer(10);
  delivery.account = row.text(11);
  delivery.tries = row.integer(12);
  return delivery;
}

}  // namespace

void add_delivery(sql::Database& database, const NewDelivery& delivery) {
  const Micros now = now_micros();
  database.run("INSERT INTO deliveries (id, subject, url, body, status, due_at, created_at, "
               "account, tries) VALUES ($1, $2, $3, $4, 'waiting', $5, $6, $7, $8)",
               "msg_" + new_id(), delivery.subject, delivery.url, delivery.body, now, now,
               delivery.account, delivery.tries);
}

std::optional<Delivery> Deliveries::claim(const std::string& owner, Micros lease) {
  const Micros now = now_micros();
  // Looking first costs no right to write.
  if (pool_.with([&](sql::Database& database) { return database.run(due, now).rows.empty(); }))
    return std::nullopt;
  return pool_.transact([&](sql::Database& database) -> std::optional<Delivery> {
    const auto claimed = database.run(
        "UPDATE deliveries SET owner = $2, lease_until = $3, attempt = attempt + 1 WHERE id = (" +
            due + std::string(database.skip_locked()) + ") RETURNING " + columns,
        now, owner, now + lease);
    if (claimed.first() == nullptr) return std::nullopt;
    return to_delivery(*claimed.first());
  });
}

void Deliveries::renew(const std::string& owner, Micros lease) {
  pool_.transact([&](sql::Database& database) {
    database.run("UPDATE deliveries SET lease_until = $1 WHERE owner = $2 AND status = 'waiting'",
                 now_micros() + lease, owner);
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
                    "SELECT id FROM deliveries WHERE subject = $2 "
                    "ORDER BY created_at DESC, id DESC LIMIT 1)",
                    now_micros(), subject)
               .changed > 0;
  });
}

}  // namespace dream::host
