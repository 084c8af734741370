#include "host/storage/replies.hpp"

namespace dream::host {

Replies::Begun Replies::begin(const std::string& account, const std::string& key,
                              const std::string& fingerprint, const std::string& subject,
                              Micros patience, Micros lifetime) {
  return pool_.transact([&](sql::Database& database) {
    const Micros now = now_micros();
    database.run("DELETE FROM replies WHERE account = $1 AND created_at < $2", account,
                 now - lifetime);
    const auto added = database.run(
        "INSERT INTO replies (account, name, fingerprint, subject, begun_at, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account, name) DO NOTHING",
        account, key, fingerprint, subject, now, now);
    Begun begun;
    begun.subject = subject;
    if (added.changed > 0) return begun;
    const auto found = database.run("SELECT fingerprint, subject, status, body FROM replies "
                                    "WHERE account = $1 AND name = $2",
                                    account, key);
    const sql::Row& row = *found.first();
    begun.subject = row.text(1);
    begun.status = static_cast<int>(row.integer(2));
    begun.body = row.text(3);
    if (row.text(0) != fingerprint) {
      begun.kind = Begun::Kind::other;
    } else if (!row.is_null(2)) {
      begun.kind = Begun::Kind::answered;
    } else {
      const auto taken = database.run("UPDATE replies SET begun_at = $1 WHERE account = $2 "
                                      "AND name = $3 AND status IS NULL AND begun_at < $4",
                                      now, account, key, now - patience);
      begun.kind = taken.changed > 0 ? Begun::Kind::fresh : Begun::Kind::in_work;
    }
    return begun;
  });
}

void Replies::finish(const std::string& account, const std::string& key, int status,
                     const std::string& body) {
  pool_.transact([&](sql::Database& database) {
    database.run("UPDATE replies SET status = $1, body = $2 WHERE account = $3 AND name = $4",
                 status, body, account, key);
  });
}

void Replies::forget(const std::string& account, const std::string& key) {
  pool_.transact([&](sql::Database& database) {
    database.run("DELETE FROM replies WHERE account = $1 AND name = $2 AND status IS NULL", account,
                 key);
  });
}

void Replies::release(const std::string& account, const std::string& key) {
  pool_.transact([&](sql::Database& database) {
    database.run("UPDATE replies SET begun_at = 0 WHERE account = $1 AND name = $2 "
                 "AND status IS NULL",
                 account, key);
  });
}

std::string shared_setting(sql::Pool& pool, const std::string& name, const std::string& value) {
  return pool.transact([&](sql::Database& database) {
    database.run("INSERT INTO settings (name, value) VALUES ($1, $2) "
                 "ON CONFLICT (name) DO NOTHING",
                 name, value);
    return database.run("SELECT value FROM settings WHERE name = $1", name).first()->text(0);
  });
}

void keep_setting(sql::Pool& pool, const std::string& name, const std::string& value) {
  pool.transact([&](sql::Database& database) {
    database.run("INSERT INTO settings (name, value) VALUES ($1, $2) "
                 "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                 name, value);
  });
}

std::optional<std::string> find_setting(sql::Pool& pool, const std::string& name) {
  return pool.with([&](sql::Database& database) -> std::optional<std::string> {
    const auto found = database.run("SELECT value FROM settings WHERE name = $1", name);
    return found.first() == nullptr ? std::nullopt : found.first()->maybe_text(0);
  });
}

}  // namespace dream::host
