#include "host/storage/trainings.hpp"

#include "host/base/text.hpp"
#include "host/storage/files.hpp"
#include "host/storage/models.hpp"
#include "host/storage/training_rows.hpp"

namespace dream::host {
namespace {

const std::string insert_training =
    "INSERT INTO trainings (id, origin, account, status, input, model_owner, model_name, trainer, "
    "template, trainer_version, template_version, weights_url, notes, webhook, webhook_events, "
    "created_at, token) VALUES ($1, $2, $3, 'queued', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
    "$14, $15, $16)";

Admission admitted(sql::Database& database, const NewTraining& training,
                   const ActiveLimits& most) {
  if (!most.any()) return {};
  const auto active = database.run(
      "SELECT COUNT(*), COUNT(CASE WHEN token = $2 THEN 1 END) FROM trainings WHERE account = $1 "
      "AND status IN ('queued', 'starting', 'processing', 'pushing')",
      training.account, training.token);
  return admission(most, active.first()->integer(0), active.first()->integer(1));
}

void insert_steps(sql::Database& database, const NewTraining& training) {
  const char* const first = training.trainer.empty() ? step_name::fetch : step_name::train;
  std::int64_t position = 0;
  for (const char* name : {first, step_name::build, step_name::push}) {
    database.run("INSERT INTO steps (training, position, name, status, due_at) "
                 "VALUES ($1, $2, $3, $4, $5)",
                 training.id, position, name,
                 position == 0 ? step_status::ready : step_status::waiting, now_micros());
    ++position;
  }
}

Where where_of(const TrainingFilter& filter) {
  Where where;
  where.add("account =", filter.account);
  if (filter.origin) where.add("origin =", *filter.origin);
  if (filter.status) where.add("status =", *filter.status);
  if (filter.model_owner) where.add("model_owner =", *filter.model_owner);
  if (filter.model_name) where.add("model_name =", *filter.model_name);
  if (filter.created_after) where.add("created_at >=", *filter.created_after);
  if (filter.created_before) where.add("created_at <", *filter.created_before);
  return where;
}

// The step that a retry begins with; -1 if there is none.
std::int64_t retry_position(const std::vector<Step>& steps, const std::string& wanted) {
  for (const Step& step : steps) {
    const bool fits =
        wanted.empty() ? step.status != step_status::succeeded : step.name == wanted;
    if (fits) return step.position;
  }
  return -1;
}

}  // namespace

std::optional<Training> find_training(sql::Database& database, const std::string& id) {
  const auto found =
      database.run("SELECT " + training_columns + " FROM trainings WHERE id = $1", id);
  if (found.first() == nullptr) return std::nullopt;
  return to_training(*found.first());
}

void end_training(sql::Database& database, const std::string& id, const std::string& status,
                  const std::optional<std::string>& error,
                  const std::optional<std::string>& failed_step,
                  const AnnounceTraining& announce) {
  const Micros now = now_micros();
  const auto ended = database.run(
      "UPDATE trainings SET status = $1, error = $2, failed_step = $3, completed_at = $4 "
      "WHERE id = $5 AND status NOT IN ('succeeded', 'failed', 'canceled')",
      status, error, failed_step, now, id);
  if (ended.changed == 0) return;
  database.run("UPDATE steps SET status = 'canceled', completed_at = $1, owner = NULL, "
               "lease_until = NULL WHERE training = $2 AND status IN ('waiting', 'ready', "
               "'running')",
               now, id);
  tell_of_training(database, id, "completed", announce);
}

void tell_of_training(sql::Database& database, const std::string& id, const std::string& event,
                      const AnnounceTraining& announce) {
  const auto training = find_training(database, id);
  if (!training || !training->webhook) return;
  if (const auto delivery = announce(database, *training, find_steps(database, id), event))
    add_delivery(database, *delivery);
}

std::string log_tail(sql::Database& database, const Training& training, std::int64_t most_bytes) {
  std::string text;
  const auto found = database.run(
      "SELECT text FROM logs WHERE training = $1 AND at_byte >= COALESCE((SELECT MAX(at_byte) "
      "FROM logs WHERE training = $1 AND at_byte <= $2), 0) ORDER BY at_byte",
      training.id, training.log_bytes - most_bytes);
  for (const auto& row : found.rows) text += row.text(0);
  return text;
}

Admission Trainings::create(const NewTraining& training, const ActiveLimits& most) {
  return pool_.transact([&](sql::Database& database) {
    database.lock("account " + training.account);
    const Admission admission = admitted(database, training, most);
    if (!admission) return admission;
    make_model_if_missing(database, training.account, training.model_owner, training.model_name);
    database.run(insert_training, training.id, training.origin, training.account, training.input,
                 training.model_owner, training.model_name, training.trainer,
                 training.template_name, training.trainer_version, training.template_version,
                 training.weights_url, training.notes, training.webhook, training.webhook_events,
                 now_micros(), training.token);
    insert_steps(database, training);
    use_files(database, training.files, training.id);
    return admission;
  });
}

std::optional<Training> Trainings::find(const std::string& id) {
  return pool_.with([&](sql::Database& database) { return find_training(database, id); });
}

std::vector<Step> Trainings::steps(const std::string& id) {
  return pool_.with([&](sql::Database& database) { return find_steps(database, id); });
}

std::string Trainings::revision(const std::string& id) {
  return pool_.with([&](sql::Database& database) {
    std::string text;
    const auto add = [&](const sql::Result& found, std::size_t columns) {
      for (const auto& row : found.rows) {
        for (std::size_t i = 0; i < columns; ++i) text += row.text(i) + '\n';
      }
    };
    add(database.run("SELECT status, log_bytes, cancel_requested_at FROM trainings WHERE id = $1",
                     id),
        3);
    add(database.run("SELECT status, attempt, progress, started_at, completed_at, error FROM steps "
                     "WHERE training = $1 ORDER BY position",
                     id),
        6);
    return text;
  });
}

std::vector<Training> Trainings::list(const TrainingFilter& filter,
                                      const std::optional<PageStart>& start, std::int64_t limit) {
  return pool_.with([&](sql::Database& database) {
    std::vector<Training> page;
    for (const auto& row : select_page(database, {training_columns, "trainings"}, where_of(filter),
                                       start, limit))
      page.push_back(to_training(row));
    return page;
  });
}

bool Trainings::cancel(const std::string& id) {
  return pool_.transact([&](sql::Database& database) {
    const auto asked = database.run(
        "UPDATE trainings SET cancel_requested_at = COALESCE(cancel_requested_at, $1) "
        "WHERE id = $2 AND status NOT IN ('succeeded', 'failed', 'canceled')",
        now_micros(), id);
    if (asked.changed == 0) return false;
    const auto running = database.run(
        "SELECT 1 FROM steps WHERE training = $1 AND status = 'running'", id);
    if (running.rows.empty())
      end_training(database, id, training_status::canceled, std::nullopt, std::nullopt, announce_);
    return true;
  });
}

Trainings::Retry Trainings::retry(const std::string& id, const std::string& step) {
  return pool_.transact([&](sql::Database& database) {
    // The row is written first, so that two retries cannot both find it ended.
    const auto ended = database.run("UPDATE trainings SET cancel_requested_at = NULL WHERE id = $1 "
                                    "AND status IN ('succeeded', 'failed', 'canceled')",
                                    id);
    if (ended.changed == 0) return Retry::not_ended;
    const auto steps = find_steps(database, id);
    const std::int64_t position = retry_position(steps, step);
    if (position < 0) return Retry::no_such_step;
    for (const Step& before : steps) {
      if (before.position < position && before.status != step_status::succeeded)
        return Retry::too_early;
    }
    const Micros now = now_micros();
    database.run("UPDATE steps SET status = CASE WHEN position = $1 THEN 'ready' ELSE 'waiting' "
                 "END, attempt = 0, takeovers = 0, due_at = $2, error = NULL, progress = NULL, "
                 "checkpoint = '{}', left_at = NULL, "
                 "started_at = NULL, completed_at = NULL WHERE training = $3 AND position >= $1",
                 position, now, id);
    database.run("UPDATE trainings SET status = $1, error = NULL, failed_step = NULL, "
                 "completed_at = NULL, version = NULL WHERE id = $2",
                 position == 0 ? training_status::queued : training_status::pushing, id);
    return Retry::done;
  });
}

void Trainings::append_log(const std::string& id, const std::string& step,
                           std::string_view text) {
  std::string clean = valid_utf8(text);
  std::erase(clean, '\0');
  if (clean.empty()) return;
  pool_.transact([&](sql::Database& database) {
    append_log_part(database, id, step, clean, most_log_bytes);
    tell_of_training(database, id, "logs", announce_);
  });
}

LogPart Trainings::logs(const std::string& id, std::int64_t from) {
  return pool_.with([&](sql::Database& database) {
    LogPart part{"", from};
    const auto found = database.run(
        "SELECT at_byte, text FROM logs WHERE training = $1 AND at_byte >= $2 ORDER BY at_byte", id,
        from);
    for (const auto& row : found.rows) {
      part.text += row.text(1);
      part.next = row.integer(0) + static_cast<std::int64_t>(row.text(1).size());
    }
    return part;
  });
}

}  // namespace dream::host
