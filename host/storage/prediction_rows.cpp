#include "host/storage/prediction_rows.hpp"

namespace dream::host {

const std::string prediction_columns =
    "id, account, model_owner, model_name, version, deployment, template, weights, input, webhook, "
    "webhook_events, deadline, status, output, error, logs, metrics, attempt, owner, created_at, "
    "started_at, completed_at, cancel_requested_at";

StoredPrediction to_prediction(const sql::Row& row) {
  StoredPrediction prediction;
  sql::Cells cells(row);
  prediction.id = cells.text();
  prediction.account = cells.text();
  prediction.model_owner = cells.text();
  prediction.model_name = cells.text();
  prediction.version = cells.text();
  prediction.kind.deployment = cells.maybe_text();
  prediction.kind.template_name = cells.text();
  prediction.kind.weights = cells.text();
  prediction.input = cells.text();
  prediction.webhook = cells.maybe_text();
  prediction.webhook_events = cells.maybe_text();
  prediction.deadline = cells.maybe_integer();
  prediction.status = cells.text();
  prediction.output = cells.maybe_text();
  prediction.error = cells.maybe_text();
  prediction.logs = cells.text();
  prediction.metrics = cells.maybe_text();
  prediction.attempt = cells.integer();
  prediction.owner = cells.maybe_text();
  prediction.created_at = cells.integer();
  prediction.started_at = cells.maybe_integer();
  prediction.completed_at = cells.maybe_integer();
  prediction.cancel_requested = !cells.is_null();
  return prediction;
}

bool end_prediction(sql::Database& database, const std::string& id,
                    std::optional<std::int64_t> attempt, const PredictionResult& result,
                    const AnnouncePrediction& announce) {
  const auto ended = database.run(
      "UPDATE predictions SET status = $1, output = COALESCE($2, output), error = $3, "
      "logs = COALESCE($4, logs), metrics = COALESCE($5, metrics), completed_at = $6, "
      "owner = NULL, lease_until = NULL, revision = revision + 1 "
      "WHERE id = $7 AND status IN ('starting', 'processing') AND attempt = COALESCE($8, attempt) "
      "RETURNING " + prediction_columns,
      result.status, result.output, result.error, result.logs, result.metrics, now_micros(), id,
      attempt);
  if (ended.first() == nullptr) return false;
  if (const auto delivery = announce(to_prediction(*ended.first()), "completed"))
    add_delivery(database, *delivery);
  return true;
}

}  // namespace dream::host
