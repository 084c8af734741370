#include "host/storage/outbox.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <system_error>
#include <utility>

#include "host/storage/sqlite.hpp"

namespace dream::host {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr std::chrono::seconds reopen_pause{5};
constexpr milliseconds busy_limit{250};  // for somebody who looks into the file: callers wait

// Only ever added to: a file says how many it has seen.
constexpr std::array<const char*, 1> schema{R"sql(
  CREATE TABLE deliveries (
    number      INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    subject     TEXT NOT NULL,
    url         TEXT NOT NULL,
    traceparent TEXT NOT NULL,
    tracestate  TEXT NOT NULL,
    due_ms      INTEGER,             -- Unix time; null: its end is not known yet
    body        BLOB NOT NULL        -- last, so that the others are read without it
  ) STRICT
)sql"};

constexpr char keep_sql[] =
    "INSERT INTO deliveries (id, subject, url, traceparent, tracestate, due_ms, body) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET due_ms = excluded.due_ms, body = excluded.body";

std::int64_t to_ms(Outbox::Time time) {
  return duration_cast<milliseconds>(time.time_since_epoch()).count();
}

void remove_row(sqlite::Database& database, const std::string& id) {
  database.prepare("DELETE FROM deliveries WHERE id = ?").bind(1, id).run();
}

// Makes those due that are not, with the body that `finish` gives them.
void end_the_unended(sqlite::Database& database, Outbox::Time now,
                     const std::function<std::string(const std::string&)>& finish) {
  std::vector<std::int64_t> numbers;
  auto rows = database.prepare("SELECT number FROM deliveries WHERE due_ms IS NULL");
  while (rows.step()) numbers.push_back(rows.integer(0));
  for (const std::int64_t number : numbers) {
    auto row = database.prepare("SELECT body FROM deliveries WHERE number = ?");
    row.bind(1, number).step();
    try {
      const std::string body = finish(row.bytes(0));
      row.run();
      database.prepare("UPDATE deliveries SET due_ms = ?, body = ? WHERE number = ?")
          .bind(1, to_ms(now))
          .bind_blob(2, body)
          .bind(3, number)
          .run();
    } catch (const sqlite::Error&) {
      throw;
    } catch (const std::exception& problem) {
      spdlog::error("{}: a webhook in it cannot be read and is dropped: {}",
                    database.file().string(), problem.what());
      row.run();
      database.prepare("DELETE FROM deliveries WHERE number = ?").bind(1, number).run();
    }
  }
}

}  // namespace

Outbox::Outbox(const std::filesystem::path& folder)
    : file_(std::filesystem::absolute(folder) / "outbox.sqlite") {
  const std::lock_guard lock(mutex_);
  reopen();
}

Outbox::~Outbox() = default;

void Outbox::open() {
  database_ = std::make_unique<sqlite::Database>(file_, busy_limit);
  database_->verify();
  database_->migrate(schema);
  database_->execute("PRAGMA incremental_vacuum");  // gives back what large bodies took
}

// Leaves `database_` null if it cannot be.
void Outbox::reopen() {
  opened_at_ = steady_clock::now();
  for (const bool again : {true, false}) {
    try {
      return open();
    } catch (const sqlite::NewerSchema& newer) {
      is_foreign_ = true;
      database_.reset();
      return failed(newer.what());
    } catch (const sqlite::Error& error) {
      database_.reset();
      if (!error.is_damage() || !again) return failed(error.what());
      set_aside(error.what());
    }
  }
}

// Nothing is deleted: who needs it may still find out what was in it.
void Outbox::set_aside(const std::string& problem) {
  const auto now = fmt::gmtime(system_clock::to_time_t(system_clock::now()));
  const std::string suffix = fmt::format(".damaged-{:%Y%m%dT%H%M%SZ}", now);
  for (const char* part : {"", "-wal", "-shm"}) {
    std::error_code error;
    std::filesystem::rename(file_.string() + part, file_.string() + suffix + part, error);
    if (part[0] == '\0' && error) return;  // the next try to open it says why
  }
  spdlog::error(
      "the outbox is damaged ({}); it is kept as {}; webhooks that waited in it will not "
      "be sent",
      problem, file_.filename().string() + suffix);
}

// Logged at the first failure of several.
void Outbox::failed(const std::string& problem) {
  if (failures_++ == 0)
    spdlog::error(
        "the outbox cannot be used: {}; until it can, the last webhook of a prediction "
        "may get lost, or be sent again, if this server stops",
        problem);
}

// Whether work(database) could be done.
template <typename Work>
bool Outbox::attempt(Work&& work) {
  const std::lock_guard lock(mutex_);
  if (database_ == nullptr && !is_foreign_ && steady_clock::now() - opened_at_ >= reopen_pause)
    reopen();
  for (const bool again : {true, false}) {
    if (database_ == nullptr) break;
    try {
      work(*database_);
      return true;
    } catch (const sqlite::Error& error) {
      failed(error.what());
      if (!error.is_damage()) break;
      database_.reset();
      if (again) reopen();
    }
  }
  return false;
}

// The same as one transaction, which also removes what could not be removed before.
template <typename Work>
bool Outbox::change(Work&& work) {
  return attempt([&](sqlite::Database& database) {
    sqlite::Transaction transaction(database);
    for (const auto& id : to_remove_) remove_row(database, id);
    work(database);
    transaction.commit();
    to_remove_.clear();
    if (database.changes() == 0) return;  // nothing had to be written
    if (failures_ > 0) spdlog::info("the outbox can be used again");
    failures_ = 0;
  });
}

bool Outbox::keep(const OutboxEntry& entry, std::string_view body, std::optional<Time> due) {
  return change([&](sqlite::Database& database) {
    auto statement = database.prepare(keep_sql);
    statement.bind(1, entry.id).bind(2, entry.subject).bind(3, entry.url);
    statement.bind(4, entry.traceparent).bind(5, entry.tracestate).bind_blob(7, body);
    if (due) statement.bind(6, to_ms(*due));
    statement.run();
  });
}

std::optional<std::string> Outbox::body(const std::string& id) {
  std::optional<std::string> body;
  const bool read = attempt([&](sqlite::Database& database) {
    auto row = database.prepare("SELECT body FROM deliveries WHERE id = ?");
    if (row.bind(1, id).step()) body = row.bytes(0);
  });
  return read ? body : std::nullopt;
}

void Outbox::remove(const std::string& id) {
  if (change([&](sqlite::Database& database) { remove_row(database, id); })) return;
  const std::lock_guard lock(mutex_);
  if (!is_foreign_) to_remove_.push_back(id);
}

std::vector<Outbox::Waiting> Outbox::recover(
    const std::function<std::string(const std::string&)>& finish) {
  std::vector<Waiting> waiting;
  change([&](sqlite::Database& database) {
    waiting.clear();
    end_the_unended(database, system_clock::now(), finish);
    auto rows = database.prepare(
        "SELECT id, subject, url, traceparent, tracestate, due_ms FROM deliveries "
        "ORDER BY number");
    while (rows.step())
      waiting.push_back(
          {{rows.bytes(0), rows.bytes(1), rows.bytes(2), rows.bytes(3), rows.bytes(4)},
           Time(milliseconds(rows.integer(5)))});
  });
  return waiting;
}

std::size_t Outbox::size() {
  std::size_t count = 0;
  attempt([&](sqlite::Database& database) {
    auto row = database.prepare("SELECT count(*) FROM deliveries");
    if (row.step()) count = static_cast<std::size_t>(row.integer(0));
  });
  return count;
}

}  // namespace dream::host
