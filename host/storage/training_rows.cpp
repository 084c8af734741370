#include "host/storage/training_rows.hpp"

#include <algorithm>

namespace dream::host {

const std::string training_columns =
    "id, origin, account, input, model_owner, model_name, trainer, template, trainer_version, "
    "template_version, weights_url, notes, webhook, webhook_events, status, created_at, "
    "started_at, completed_at, cancel_requested_at, error, failed_step, weights, version, "
    "log_bytes";

Training to_training(const sql::Row& row) {
  Training training;
  sql::Cells cells(row);
  training.id = cells.text();
  training.origin = cells.text();
  training.account = cells.text();
  training.input = cells.text();
  training.model_owner = cells.text();
  training.model_name = cells.text();
  training.trainer = cells.text();
  training.template_name = cells.text();
  training.trainer_version = cells.maybe_text();
  training.template_version = cells.maybe_text();
  training.weights_url = cells.maybe_text();
  training.notes = cells.maybe_text();
  training.webhook = cells.maybe_text();
  training.webhook_events = cells.maybe_text();
  training.status = cells.text();
  training.created_at = cells.integer();
  training.started_at = cells.maybe_integer();
  training.completed_at = cells.maybe_integer();
  training.cancel_requested = !cells.is_null();
  training.error = cells.maybe_text();
  training.failed_step = cells.maybe_text();
  training.weights = cells.maybe_text();
  training.version = cells.maybe_text();
  training.log_bytes = cells.integer();
  return training;
}

const std::string step_columns =
    "training, position, name, status, attempt, takeovers, due_at, owner, lease_until, checkpoint, "
    "progress, started_at, completed_at, error, left_at";

Step to_step(const sql::Row& row) {
  Step step;
  sql::Cells cells(row);
  step.training = cells.text();
  step.position = cells.integer();
  step.name = cells.text();
  step.status = cells.text();
  step.attempt = cells.integer();
  step.takeovers = cells.integer();
  step.due_at = cells.integer();
  step.owner = cells.maybe_text();
  step.lease_until = cells.maybe_integer();
  step.checkpoint = cells.text();
  step.progress = cells.maybe_text();
  step.started_at = cells.maybe_integer();
  step.completed_at = cells.maybe_integer();
  step.error = cells.maybe_text();
  step.left_at = cells.maybe_integer();
  return step;
}

std::vector<Step> find_steps(sql::Database& database, const std::string& training) {
  std::vector<Step> steps;
  const auto found = database.run(
      "SELECT " + step_columns + " FROM steps WHERE training = $1 ORDER BY position", training);
  for (const auto& row : found.rows) steps.push_back(to_step(row));
  return steps;
}

void append_log_part(sql::Database& database, const std::string& training, const std::string& step,
                     std::string text, std::int64_t most_bytes) {
  // Adding up first also locks the row: two appenders never take one place.
  const auto size = database.run(
      "UPDATE trainings SET log_bytes = log_bytes + $1 WHERE id = $2 AND log_bytes < $3 "
      "RETURNING log_bytes",
      text.size(), training, most_bytes);
  if (size.first() == nullptr) return;
  const std::int64_t at = size.first()->integer(0) - static_cast<std::int64_t>(text.size());
  const bool last = size.first()->integer(0) >= most_bytes;
  if (last) {
    text = "\n(the log has reached its limit; what follows is dropped)\n";
    database.run("UPDATE trainings SET log_bytes = $1 WHERE id = $2",
                 std::max<std::int64_t>(most_bytes, at + static_cast<std::int64_t>(text.size())),
                 training);
  }
  database.run("INSERT INTO logs (training, at_byte, step, text) VALUES ($1, $2, $3, $4)", training,
               at, step, text);
}

}  // namespace dream::host
