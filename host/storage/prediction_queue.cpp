#include "host/storage/prediction_queue.hpp"

#include <fmt/format.h>

namespace dream::host {
namespace {

constexpr char waiting_again[] =
    "UPDATE predictions SET status = 'starting', owner = NULL, lease_until = NULL, "
    "started_at = NULL, output = NULL, logs = '', revision = revision + 1";

std::vector<std::string> ids_of(const sql::Result& found) {
  std::vector<std::string> ids;
  for (const auto& row : found.rows) ids.push_back(row.text(0));
  return ids;
}

}  // namespace

std::vector<PredictionQueue::Demand> PredictionQueue::demand() {
  return pool_.with([&](sql::Database& database) {
    std::vector<Demand> all;
    const auto found = database.run(
        "SELECT deployment, template, weights, COUNT(*), MIN(created_at) FROM predictions "
        "WHERE status = 'starting' GROUP BY deployment, template, weights "
        "ORDER BY MIN(created_at)");
    for (const auto& row : found.rows)
      all.push_back(
          {{row.text(1), row.text(2), row.maybe_text(0)}, row.integer(3), row.integer(4)});
    return all;
  });
}

std::optional<StoredPrediction> PredictionQueue::claim(const HostKind& kind,
                                                       const std::string& owner, Micros lease) {
  const std::string due =
      "SELECT id FROM predictions WHERE status = 'starting' AND host_key = $1 "
      "ORDER BY created_at, id LIMIT 1";
  const std::string key = kind.key();
  // Looking first costs no right to write.
  if (pool_.with([&](sql::Database& database) { return database.run(due, key).rows.empty(); }))
    return std::nullopt;
  return pool_.transact([&](sql::Database& database) -> std::optional<StoredPrediction> {
    const Micros now = now_micros();
    const auto claimed = database.run(
        "UPDATE predictions SET status = 'processing', attempt = attempt + 1, owner = $2, "
        "lease_until = $3, started_at = $4 WHERE status = 'starting' AND id = (" +
            due + std::string(database.skip_locked()) + ") RETURNING " + prediction_columns,
        key, owner, now + lease, now);
    if (claimed.first() == nullptr) return std::nullopt;
    StoredPrediction prediction = to_prediction(*claimed.first());
    if (const auto delivery = announce_(prediction, "start")) add_delivery(database, *delivery);
    return prediction;
  });
}

std::vector<PredictionQueue::Held> PredictionQueue::held(const std::string& owner) {
  return pool_.with([&](sql::Database& database) {
    std::vector<Held> held;
    const auto found = database.run(
        "SELECT id, attempt, CASE WHEN cancel_requested_at IS NOT NULL OR deadline < $1 THEN 1 "
        "ELSE 0 END FROM predictions WHERE owner = $2 AND status = 'processing'",
        now_micros(), owner);
    for (const auto& row : found.rows)
      held.push_back({row.text(0), row.integer(1), row.integer(2) != 0});
    return held;
  });
}

void PredictionQueue::renew(const std::string& owner, Micros lease) {
  pool_.transact([&](sql::Database& database) {
    database.run(
        "UPDATE predictions SET lease_until = $1 WHERE owner = $2 AND status = 'processing'",
        now_micros() + lease, owner);
  });
}

void PredictionQueue::tend(std::int64_t most_attempts) {
  const Micros now = now_micros();
  const std::string late =
      "SELECT id FROM predictions WHERE status = 'starting' AND deadline < $1";
  const std::string left =
      "SELECT id FROM predictions WHERE status = 'processing' AND lease_until < $1";
  const bool nothing = pool_.with([&](sql::Database& database) {
    return database.run(late, now).rows.empty() && database.run(left, now).rows.empty();
  });
  if (nothing) return;
  pool_.transact([&](sql::Database& database) {
    for (const auto& id : ids_of(database.run(late, now)))
      end_prediction(database, id, std::nullopt,
                     {.status = "canceled", .error = "its deadline passed before a host was free"},
                     announce_);
    const std::string error =
        fmt::format("the platform ended {} times while it ran", most_attempts);
    for (const auto& id : ids_of(database.run(left + " AND (attempt >= $2 OR "
                                              "cancel_requested_at IS NOT NULL)",
                                              now, most_attempts))) {
      const bool canceled =
          !database.run("SELECT 1 FROM predictions WHERE id = $1 AND cancel_requested_at "
                        "IS NOT NULL",
                        id)
               .rows.empty();
      end_prediction(database, id, std::nullopt,
                     canceled ? PredictionResult{.status = "canceled"}
                              : PredictionResult{.status = "failed", .error = error},
                     announce_);
    }
    database.run(std::string(waiting_again) + " WHERE status = 'processing' AND lease_until < $1",
                 now);
  });
}

bool PredictionQueue::progress(const std::string& id, std::int64_t attempt,
                               const Progress& progress) {
  return pool_.transact([&](sql::Database& database) {
    const std::string running = " WHERE id = $1 AND attempt = $2 AND status = 'processing'";
    const auto before = database.run(
        "SELECT COALESCE(output, ''), logs FROM predictions" + running, id, attempt);
    if (before.first() == nullptr) return false;
    const bool has_output =
        progress.output.has_value() && *progress.output != before.first()->text(0);
    const bool has_logs = progress.logs.size() > before.first()->text(1).size();
    if (!has_output && !has_logs) return true;
    const auto changed = database.run("UPDATE predictions SET output = COALESCE($3, output), "
                                      "revision = revision + 1, "
                                      "logs = CASE WHEN $4 = '' THEN logs ELSE $4 END" +
                                          running + " RETURNING " + prediction_columns,
                                      id, attempt, progress.output, progress.logs);
    if (changed.first() == nullptr) return false;
    const StoredPrediction now = to_prediction(*changed.first());
    if (const auto told = announce_(now, has_output ? "output" : "logs"))
      add_delivery(database, *told);
    return true;
  });
}

bool PredictionQueue::finish(const std::string& id, std::int64_t attempt,
                             const PredictionResult& result) {
  return pool_.transact([&](sql::Database& database) {
    return end_prediction(database, id, attempt, result, announce_);
  });
}

bool PredictionQueue::put_back(const std::string& id, std::int64_t attempt) {
  return pool_.transact([&](sql::Database& database) {
    return database
               .run(std::string(waiting_again) + ", attempt = attempt - 1 WHERE id = $1 "
                                                 "AND attempt = $2 AND status = 'processing'",
                    id, attempt)
               .changed > 0;
  });
}

void PredictionQueue::fail_waiting(const HostKind& kind, const std::string& error,
                                   Micros before) {
  const bool nothing = pool_.with([&](sql::Database& database) {
    return database
        .run("SELECT id FROM predictions WHERE status = 'starting' AND host_key = $1 "
             "AND created_at <= $2 LIMIT 1",
             kind.key(), before)
        .rows.empty();
  });
  if (nothing) return;
  pool_.transact([&](sql::Database& database) {
    // Locked by being written: one that a host claims meanwhile is no longer of those that wait.
    const auto found = database.run(
        "UPDATE predictions SET error = $1 WHERE status = 'starting' AND host_key = $2 "
        "AND created_at <= $3 RETURNING id",
        error, kind.key(), before);
    for (const auto& id : ids_of(found))
      end_prediction(database, id, std::nullopt, {.status = "failed", .error = error}, announce_);
  });
}

}  // namespace dream::host
