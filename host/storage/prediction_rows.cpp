#include "host/storage/prediction_rows.hpp"

namespace dream::host {

const std::string prediction_columns =
    "id, account, model_owner, model_name, version, deployment, template, weights, input, webhook, "
    "webhook_events, deadline, status, output, error, logs, metrics, attempt, owner, created_at, "
    "started_at, completed_at, cancel_requested_at";

StoredPrediction to_prediction(const sql::Row& row) {
  StoredPrediction prediction;
  std::size_t next = 0;
  prediction.id = row.text(next++);
  prediction.account = row.text(next++);
  prediction.model_owner = row.text(next++);
  prediction.model_name = row.text(next++);
  prediction.version = row.text(next++);
  prediction.kind.deployment = row.maybe_text(next++);
  prediction.kind.template_name = row.text(next++);
  prediction.kind.weights = row.text(next++);
  prediction.input = row.text(next++);
  prediction.webhook = row.maybe_text(next++);
  prediction.webhook_events = row.maybe_text(next++);
  prediction.deadline = row.maybe_integer(next++);
  prediction.status = row.text(next++);
  prediction.output = row.maybe_text(next++);
  prediction.error = row.maybe_text(next++);
  prediction.logs = row.text(next++);
  prediction.metrics = row.maybe_text(next++);
  prediction.attempt = row.integer(next++);
  prediction.owner = row.maybe_text(next++);
  prediction.created_at = row.integer(next++);
  prediction.started_at = row.maybe_integer(next++);
  prediction.completed_at = row.maybe_integer(next++);
  prediction.cancel_requested = !row.is_null(next++);
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
