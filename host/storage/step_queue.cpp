#include "host/storage/step_queue.hpp"

#include <fmt/format.h>

#include "host/storage/blob_rows.hpp"
#include "host/storage/training_rows.hpp"

namespace dream::host {
namespace {

std::string names_in(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) list += fmt::format("{}'{}'", list.empty() ? "" : ", ", name);
  return fmt::format("({})", list);
}

// $1: now.
std::string due_step(const std::vector<std::string>& names) {
  return "SELECT training, position FROM steps WHERE name IN " + names_in(names) +
         " AND ((status = 'ready' AND due_at <= $1) OR (status = 'running' AND lease_until < $1)) "
         "ORDER BY due_at, training LIMIT 1";
}

constexpr char release[] = "owner = NULL, lease_until = NULL, ";

}  // namespace

std::optional<Step> StepQueue::claim(const std::vector<std::string>& names,
                                     const std::string& owner, Micros lease) {
  const Micros now = now_micros();
  const std::string due = due_step(names);
  // Looking first costs no right to write.
  if (pool_.with([&](sql::Database& database) { return database.run(due, now).rows.empty(); }))
    return std::nullopt;
  return pool_.transact([&](sql::Database& database) -> std::optional<Step> {
    const auto claimed = database.run(
        "UPDATE steps SET attempt = CASE WHEN status = 'ready' THEN attempt + 1 ELSE attempt END, "
        "takeovers = CASE WHEN status = 'ready' THEN takeovers ELSE takeovers + 1 END, "
        "left_at = CASE WHEN status = 'ready' THEN left_at ELSE lease_until END, "
        "status = 'running', owner = $2, lease_until = $3, started_at = COALESCE(started_at, $1) "
        "WHERE (training, position) = (" +
            due + std::string(database.skip_locked()) + ") RETURNING " + step_columns,
        now, owner, now + lease);
    if (claimed.first() == nullptr) return std::nullopt;
    Step step = to_step(*claimed.first());
    const bool first = step.position == 0;
    const bool begins = first && step.attempt == 1 && step.takeovers == 0;
    database.run("UPDATE trainings SET status = CASE WHEN status = 'processing' AND $1 = 0 THEN "
                 "status ELSE $2 END, started_at = COALESCE(started_at, $3) WHERE id = $4",
                 step.position, first ? training_status::starting : training_status::pushing, now,
                 step.training);
    if (begins) tell_of_training(database, step.training, "start", announce_);
    return step;
  });
}

std::vector<StepQueue::Held> StepQueue::renew(const std::string& owner, Micros lease) {
  return pool_.transact([&](sql::Database& database) {
    std::vector<Held> held;
    const auto renewed = database.run(
        "UPDATE steps SET lease_until = $1 WHERE owner = $2 AND status = 'running' "
        "RETURNING training, position, (SELECT COUNT(*) FROM trainings WHERE id = training "
        "AND cancel_requested_at IS NOT NULL)",
        now_micros() + lease, owner);
    for (const auto& row : renewed.rows)
      held.push_back({row.text(0), row.integer(1), row.integer(2) > 0});
    return held;
  });
}

// Changes the row of a step that is still ours, and does `more(database)` in the same transaction.
template <typename Change, typename... Values>
bool StepQueue::change(const Step& step, Change&& more, const std::string& assignments,
                       const Values&... values) {
  return pool_.transact([&](sql::Database& database) {
    std::vector<sql::Value> all;
    (all.push_back(sql::to_value(values)), ...);
    const auto next = [&](sql::Value value) {
      all.push_back(std::move(value));
      return fmt::format("${}", all.size());
    };
    const std::string training = next(step.training);
    const std::string position = next(step.position);
    const std::string where =
        fmt::format(" WHERE training = {} AND position = {} AND owner = {} AND status = 'running'",
                    training, position, next(*step.owner));
    if (database.run_values("UPDATE steps SET " + assignments + where, all).changed == 0)
      return false;
    more(database);
    return true;
  });
}

bool StepQueue::save_checkpoint(const Step& step, const std::string& json) {
  return change(step, [](sql::Database&) {}, "checkpoint = $1, takeovers = 0", json);
}

bool StepQueue::save_progress(const Step& step, const std::string& json) {
  return change(step, [](sql::Database&) {}, "progress = $1, takeovers = 0", json);
}

bool StepQueue::set_training_status(const Step& step, const std::string& status) {
  const auto also = [&](sql::Database& database) {
    database.run("UPDATE trainings SET status = $1 WHERE id = $2 AND status <> $1", status,
                 step.training);
  };
  return change(step, also, "takeovers = 0");
}

bool StepQueue::succeed(const Step& step, const Outcome& outcome) {
  const Micros now = now_micros();
  const auto also = [&](sql::Database& database) {
    if (outcome.weights) {
      use_blob(database, *outcome.weights);
      database.run("UPDATE trainings SET weights = $1 WHERE id = $2", *outcome.weights,
                   step.training);
    }
    if (outcome.version) {
      use_blob(database, outcome.version->weights);
      add_version(database, *outcome.version);
      database.run("UPDATE trainings SET version = $1 WHERE id = $2", outcome.version->id,
                   step.training);
      tell_of_training(database, step.training, "output", announce_);
    }
    const auto next = database.run(
        "UPDATE steps SET status = 'ready', due_at = $1 WHERE training = $2 AND position = $3", now,
        step.training, step.position + 1);
    if (next.changed == 0)
      return end_training(database, step.training, training_status::succeeded, std::nullopt,
                          std::nullopt, announce_);
    database.run("UPDATE trainings SET status = 'pushing' WHERE id = $1", step.training);
  };
  return change(step, also,
                std::string(release) +
                    "status = 'succeeded', completed_at = $1, checkpoint = $2, error = NULL",
                now, outcome.checkpoint);
}

bool StepQueue::defer(const Step& step, const std::string& error, Micros due) {
  return change(step, [](sql::Database&) {},
                std::string(release) + "status = 'ready', error = $1, due_at = $2, takeovers = 0, "
                                       "left_at = NULL",
                error, due);
}

bool StepQueue::put_back(const Step& step, Micros due) {
  return change(step, [](sql::Database&) {},
                std::string(release) + "status = 'ready', attempt = attempt - 1, due_at = $1, "
                                       "left_at = $2",
                due, now_micros());
}

bool StepQueue::fail(const Step& step, const std::string& error) {
  const auto also = [&](sql::Database& database) {
    end_training(database, step.training, training_status::failed, error, step.name, announce_);
  };
  return change(step, also,
                std::string(release) + "status = 'failed', completed_at = $1, error = $2",
                now_micros(), error);
}

bool StepQueue::cancel(const Step& step) {
  const auto also = [&](sql::Database& database) {
    end_training(database, step.training, training_status::canceled, std::nullopt, std::nullopt,
                 announce_);
  };
  return change(step, also, std::string(release) + "status = 'canceled', completed_at = $1",
                now_micros());
}

}  // namespace dream::host
