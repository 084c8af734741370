#include "host/storage/retention.hpp"

#include <fmt/format.h>

#include <vector>

namespace dream::host {
namespace {

constexpr std::int64_t batch = 100;  // rows that one transaction holds
constexpr std::chrono::hours least_idle{1};

constexpr char active_training[] = "status NOT IN ('succeeded', 'failed', 'canceled')";
constexpr char active_prediction[] = "status IN ('starting', 'processing')";

std::string exists(const std::string& table, const std::string& condition) {
  return fmt::format("EXISTS (SELECT 1 FROM {} WHERE {})", table, condition);
}

const std::string keeps_training =
    exists("deliveries", "deliveries.subject = trainings.id AND deliveries.status = 'waiting'");
const std::string keeps_prediction =
    "(" + exists("models", "models.default_example = predictions.id") + " OR " +
    exists("deliveries",
           "deliveries.subject = predictions.id AND deliveries.status = 'waiting'") + ")";

// Of a row of files: something that has not ended has it among its inputs.
const std::string file_in_use = exists(
    "file_uses",
    "file_uses.file = files.id AND (" +
        exists("trainings", std::string("trainings.id = file_uses.subject AND trainings.") +
                                active_training) +
        " OR " +
        exists("predictions", std::string("predictions.id = file_uses.subject AND predictions.") +
                                  active_prediction) +
        ")");
// Of an output: what made it is there, or trains still.
const std::string output_in_use =
    "(" + exists("trainings", std::string("trainings.id = files.subject AND trainings.") +
                                  active_training) +
    " OR " + exists("predictions", "predictions.id = files.subject") + ")";

// $1: what is older may go; $2: the same of those whose bytes have not come.
const std::string file_may_go =
    "NOT " + file_in_use + " AND ((purpose = 'output' AND NOT " + output_in_use +
    ") OR (purpose <> 'output' AND (removed_at IS NOT NULL OR created_at < $1 "
    "OR (sha256 IS NULL AND created_at < $2))))";

const std::string blob_in_use =
    "(" + exists("files", "files.sha256 = blobs.sha256") + " OR " +
    exists("versions", "versions.weights = blobs.sha256") + " OR " +
    exists("trainings", "trainings.weights = blobs.sha256") + " OR " +
    exists("reports", "reports.blob = blobs.sha256") + " OR " +
    exists("predictions", std::string("predictions.weights = blobs.sha256 AND predictions.") +
                              active_prediction) +
    ")";

std::vector<std::string> texts_of(const sql::Result& found) {
  std::vector<std::string> texts;
  for (const auto& row : found.rows) texts.push_back(row.text(0));
  return texts;
}

Micros before(const std::optional<Micros>& time) {
  return time ? now_micros() - *time : 0;
}

// Rows that others hold are passed over.
std::string locking(sql::Database& database, const std::string& select) {
  return select + std::string(database.skip_locked());
}

}  // namespace

Removed& Removed::operator+=(const Removed& more) {
  trainings += more.trainings;
  predictions += more.predictions;
  files += more.files;
  webhooks += more.webhooks;
  replies += more.replies;
  blobs += more.blobs;
  blob_bytes += more.blob_bytes;
  return *this;
}

// work(Database&) says how many it has removed; fewer than a batch are the last ones.
template <typename Work>
std::int64_t Retention::in_batches(const GoOn& go_on, Work&& work) {
  std::int64_t all = 0;
  while (go_on()) {
    const std::int64_t some = pool_.transact(work);
    all += some;
    if (some < batch) break;
  }
  return all;
}

Removed Retention::counted(const Removed& removed) {
  const std::lock_guard lock(mutex_);
  totals_ += removed;
  return removed;
}

Removed Retention::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

// Counted one by one: what comes after may fail.
Removed Retention::run(const GoOn& go_on) {
  Removed all;
  all += counted({.trainings = remove_ended("trainings", keeps_training,
                                            before(rules_.trainings), go_on)});
  all += counted({.predictions = remove_ended("predictions", keeps_prediction,
                                              before(rules_.predictions), go_on)});
  all += counted({.files = remove_files(go_on)});
  // The last one of a training is a step of it, and stays with it.
  all += counted({.webhooks = remove_simple(
                      "deliveries", "id",
                      "status <> 'waiting' AND completed_at < $1 AND (tries = 1 OR NOT " +
                          exists("trainings", "trainings.id = deliveries.subject") + ")",
                      before(rules_.webhooks), go_on)});
  all += counted({.replies = remove_simple("replies", "account, name", "created_at < $1",
                                           before(rules_.replies), go_on)});
  doom_blobs(go_on);
  all += remove_doomed(go_on);
  return all;
}

// Rows are locked before it is asked again what keeps them: by then whoever was about to change
// that has done so, or finds the row gone.
std::int64_t Retention::remove_ended(const std::string& table, const std::string& keeps,
                                     Micros before, const GoOn& go_on) {
  const std::string ended = fmt::format(
      "SELECT id FROM {} WHERE status IN ('succeeded', 'failed', 'canceled') AND completed_at < $1 "
      "AND NOT {} LIMIT {}",
      table, keeps, batch);
  return in_batches(go_on, [&](sql::Database& database) {
    std::int64_t gone = 0;
    for (const auto& id : texts_of(database.run(locking(database, ended), before))) {
      if (database.run(fmt::format("DELETE FROM {} WHERE id = $1 AND NOT {}", table, keeps), id)
              .changed == 0)
        continue;
      ++gone;
      database.run("DELETE FROM deliveries WHERE subject = $1", id);
      database.run("DELETE FROM file_uses WHERE subject = $1", id);
    }
    return gone;
  });
}

std::int64_t Retention::remove_files(const GoOn& go_on) {
  const Micros old = before(rules_.files);
  const Micros unused = before(rules_.uploads);
  const std::string done =
      fmt::format("SELECT id FROM files WHERE {} LIMIT {}", file_may_go, batch);
  return in_batches(go_on, [&](sql::Database& database) {
    std::int64_t gone = 0;
    for (const auto& id : texts_of(database.run(locking(database, done), old, unused)))
      gone += database.run("DELETE FROM files WHERE id = $3 AND " + file_may_go, old, unused, id)
                  .changed;
    return gone;
  });
}

std::int64_t Retention::remove_simple(const std::string& table, const std::string& key,
                                      const std::string& condition, Micros before,
                                      const GoOn& go_on) {
  const std::string done =
      fmt::format("SELECT {} FROM {} WHERE {} LIMIT {}", key, table, condition, batch);
  return in_batches(go_on, [&](sql::Database& database) {
    return database
        .run(fmt::format("DELETE FROM {} WHERE ({}) IN ({})", table, key, locking(database, done)),
             before)
        .changed;
  });
}

bool Retention::doom(sql::Database& database, const std::string& sha256, Micros now) {
  const auto held = database.run(
      fmt::format("SELECT 1 FROM blobs WHERE sha256 = $1{}", database.skip_locked()), sha256);
  if (held.rows.empty()) return false;
  // Asked once it is held: what was about to refer to it does so by now, or never will.
  return database
             .run("UPDATE blobs SET is_doomed = 1 WHERE sha256 = $1 AND is_doomed = 0 "
                  "AND (pending = 0 OR pending_until <= $2) AND NOT " + blob_in_use,
                  sha256, now)
             .changed > 0;
}

void Retention::doom_blobs(const GoOn& go_on) {
  const std::string free = fmt::format(
      "SELECT sha256 FROM blobs WHERE is_doomed = 0 AND (pending = 0 OR pending_until <= $1) "
      "AND NOT {} LIMIT {}",
      blob_in_use, batch);
  in_batches(go_on, [&](sql::Database& database) {
    const Micros now = now_micros();
    std::int64_t doomed = 0;
    for (const auto& sha256 : texts_of(database.run(free, now)))
      doomed += doom(database, sha256, now) ? 1 : 0;
    return doomed;
  });
}

Removed Retention::remove_doomed(const GoOn& go_on) {
  Removed removed;
  const auto doomed = pool_.with([](sql::Database& database) {
    return texts_of(database.run("SELECT sha256 FROM blobs WHERE is_doomed = 1"));
  });
  for (const auto& sha256 : doomed) {
    if (!go_on()) break;
    const auto bytes = remove_blob(sha256);
    if (bytes) removed += counted({.blobs = 1, .blob_bytes = *bytes});
  }
  return removed;
}

// The row is held until the blob is gone: whoever stores the same one waits for that. What ends in
// between leaves a doomed row, and the blob is removed again.
std::optional<std::int64_t> Retention::remove_blob(const std::string& sha256) {
  return pool_.transact([&](sql::Database& database) -> std::optional<std::int64_t> {
    const auto held = database.run(
        fmt::format("SELECT bytes FROM blobs WHERE sha256 = $1 AND is_doomed = 1{}",
                    database.skip_locked()),
        sha256);
    if (held.first() == nullptr) return std::nullopt;
    store_.remove(sha256);
    database.run("DELETE FROM blobs WHERE sha256 = $1", sha256);
    return held.first()->integer(0);
  });
}

Removed Retention::remove_file(const std::string& id) {
  Removed removed;
  const auto sha256 = pool_.transact([&](sql::Database& database) -> std::optional<std::string> {
    const auto gone = database.run("DELETE FROM files WHERE id = $1 AND removed_at IS NOT NULL "
                                   "AND NOT " + file_in_use + " RETURNING sha256",
                                   id);
    if (gone.first() == nullptr) return std::nullopt;
    return gone.first()->text(0);
  });
  if (!sha256) return removed;
  removed += counted({.files = 1});
  const bool doomed = pool_.transact(
      [&](sql::Database& database) { return doom(database, *sha256, now_micros()); });
  if (!doomed) return removed;
  if (const auto bytes = remove_blob(*sha256))
    removed += counted({.blobs = 1, .blob_bytes = *bytes});
  return removed;
}

void Retention::sweep_machine(const GoOn& go_on) {
  for (const auto& sha256 : store_.idle_here(least_idle)) {
    if (!go_on()) return;
    const bool known = pool_.with([&](sql::Database& database) {
      return !database.run("SELECT 1 FROM blobs WHERE sha256 = $1", sha256).rows.empty();
    });
    if (known || store_.drop_copy(sha256)) continue;
    pool_.transact([&](sql::Database& database) {
      database.run("INSERT INTO blobs (sha256, bytes) VALUES ($1, 0) "
                   "ON CONFLICT (sha256) DO NOTHING",
                   sha256);
    });
  }
}

}  // namespace dream::host
