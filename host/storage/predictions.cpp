#include "host/storage/predictions.hpp"

#include "host/storage/blob_rows.hpp"
#include "host/storage/files.hpp"

namespace dream::host {

Admission StoredPredictions::create(const NewStoredPrediction& prediction,
                                    const ActiveLimits& most) {
  return pool_.transact([&](sql::Database& database) {
    if (most.any()) {
      database.lock("account " + prediction.account);
      const auto waiting = database.run(
          "SELECT COUNT(*), COUNT(CASE WHEN token = $2 THEN 1 END) FROM predictions "
          "WHERE account = $1 AND status = 'starting'",
          prediction.account, prediction.token);
      const Admission found =
          admission(most, waiting.first()->integer(0), waiting.first()->integer(1));
      if (!found) return found;
    }
    use_blob(database, prediction.kind.weights);
    use_files(database, prediction.files, prediction.id);
    database.run("INSERT INTO predictions (id, account, model_owner, model_name, version, "
                 "deployment, template, weights, host_key, status, input, webhook, "
                 "webhook_events, created_at, deadline, token) VALUES ($1, $2, $3, $4, $5, $6, "
                 "$7, $8, $9, 'starting', $10, $11, $12, $13, $14, $15)",
                 prediction.id, prediction.account, prediction.model_owner, prediction.model_name,
                 prediction.version, prediction.kind.deployment, prediction.kind.template_name,
                 prediction.kind.weights, prediction.kind.key(), prediction.input,
                 prediction.webhook, prediction.webhook_events, now_micros(), prediction.deadline,
                 prediction.token);
    database.run("UPDATE models SET run_count = run_count + 1 WHERE owner = $1 AND name = $2",
                 prediction.model_owner, prediction.model_name);
    return Admission{};
  });
}

std::optional<StoredPrediction> StoredPredictions::find(const std::string& id) {
  return pool_.with([&](sql::Database& database) -> std::optional<StoredPrediction> {
    const auto found =
        database.run("SELECT " + prediction_columns + " FROM predictions WHERE id = $1", id);
    if (found.first() == nullptr) return std::nullopt;
    return to_prediction(*found.first());
  });
}

std::optional<StoredPredictions::Revision> StoredPredictions::revision(const std::string& id) {
  return pool_.with([&](sql::Database& database) -> std::optional<Revision> {
    const auto found =
        database.run("SELECT revision, status FROM predictions WHERE id = $1", id);
    if (found.first() == nullptr) return std::nullopt;
    return Revision{found.first()->integer(0), found.first()->text(1)};
  });
}

std::vector<StoredPrediction> StoredPredictions::list(const PredictionFilter& filter,
                                                      const std::optional<PageStart>& start,
                                                      std::int64_t limit) {
  Where where;
  where.add("account =", filter.account);
  if (filter.created_after) where.add("created_at >=", *filter.created_after);
  if (filter.created_before) where.add("created_at <", *filter.created_before);
  return pool_.with([&](sql::Database& database) {
    std::vector<StoredPrediction> page;
    for (const auto& row :
         select_page(database, {prediction_columns, "predictions"}, where, start, limit))
      page.push_back(to_prediction(row));
    return page;
  });
}

bool StoredPredictions::cancel(const std::string& id) {
  return pool_.transact([&](sql::Database& database) {
    const auto asked = database.run(
        "UPDATE predictions SET cancel_requested_at = COALESCE(cancel_requested_at, $1) "
        "WHERE id = $2 AND status IN ('starting', 'processing') RETURNING status",
        now_micros(), id);
    if (asked.first() == nullptr) return false;
    if (asked.first()->text(0) == "starting")
      end_prediction(database, id, std::nullopt, {.status = "canceled"}, announce_);
    return true;
  });
}

}  // namespace dream::host
