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
  std::size_t next = 0;
  training.id = row.text(next++);
  training.origin = row.text(next++);
  training.account = row.text(next++);
  training.input = row.text(next++);
  training.model_owner = row.text(next++);
  training.model_name = row.text(next++);
  training.trainer = row.text(next++);
  training.template_name = row.text(next++);
  training.trainer_version = row.maybe_text(next++);
  training.template_version = row.maybe_text(next++);
  training.weights_url = row.maybe_text(next++);
  training.notes = row.maybe_text(next++);
  training.webhook = row.maybe_text(next++);
  training.webhook_events = row.maybe_text(next++);
  training.status = row.text(next++);
  training.created_at = row.integer(next++);
  training.started_at = row.maybe_integer(next++);
  training.completed_at = row.maybe_integer(next++);
  training.cancel_requested = !row.is_null(next++);
  training.error = row.maybe_text(next++);
  training.failed_step = row.maybe_text(next++);
  training.weights = row.maybe_text(next++);
  training.version = row.maybe_text(next++);
  training.log_bytes = row.integer(next++);
  return training;
}

const std::string step_columns =
    "training, position, name, status, attempt, takeovers, due_at, owner, lease_until, checkpoint, "
    "progress, started_at, completed_at, error, left_at";

Step to_step(const sql::Row& row) {
  Step step;
  std::size_t next = 0;
  step.training = row.text(next++);
  step.position = row.integer(next++);
  step.name = row.text(next++);
  step.status = row.text(next++);
  step.attempt = row.integer(next++);
  step.takeovers = row.integer(next++);
  step.due_at = row.integer(next++);
  step.owner = row.maybe_text(next++);
  step.lease_until = row.maybe_integer(next++);
  step.checkpoint = row.text(next++);
  step.progress = row.maybe_text(next++);
  step.started_at = row.maybe_integer(next++);
  step.completed_at = row.maybe_integer(next++);
  step.error = row.maybe_text(next++);
  step.left_at = row.maybe_integer(next++);
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
