// Trainings, their logs, and what changes their state from outside: creation, cancel, retry. What
// moves them on is the step queue.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/storage/active_limits.hpp"
#include "host/storage/database.hpp"
#include "host/storage/deliveries.hpp"
#include "host/storage/page.hpp"
#include "host/storage/training.hpp"

namespace dream::host {

// The webhook that tells of `event` ("start", "output", "logs", "completed"), if it is wanted.
// Called within the transaction that makes the change.
using AnnounceTraining = std::function<std::optional<NewDelivery>(
    sql::Database&, const Training&, const std::vector<Step>&, const std::string& event)>;

// Parts of a transaction; used by the step queue too.
std::optional<Training> find_training(sql::Database& database, const std::string& id);
// Its last state: steps that have not ended are canceled, and the webhook is put into the outbox.
// Nothing happens to one that has ended.
void end_training(sql::Database& database, const std::string& id, const std::string& status,
                  const std::optional<std::string>& error,
                  const std::optional<std::string>& failed_step, const AnnounceTraining& announce);
// Tells of an event that does not end it.
void tell_of_training(sql::Database& database, const std::string& id, const std::string& event,
                      const AnnounceTraining& announce);
// The last bytes of its log, at most `most_bytes` but for the part that begins before.
std::string log_tail(sql::Database& database, const Training& training, std::int64_t most_bytes);

struct TrainingFilter {
  std::string account;
  std::optional<std::string> origin = {};
  std::optional<std::string> status = {};
  std::optional<std::string> model_owner = {};  // with model_name
  std::optional<std::string> model_name = {};
  std::optional<Micros> created_after = {};
  std::optional<Micros> created_before = {};
};

struct LogPart {
  std::string text;
  std::int64_t next = 0;  // byte of the whole log behind it
};

class Trainings {
 public:
  static constexpr std::int64_t most_log_bytes = 8 << 20;  // of one training; the rest is dropped

  Trainings(sql::Pool& pool, AnnounceTraining announce)
      : pool_(pool), announce_(std::move(announce)) {}

  // With its steps, the first of which is ready. Makes its model if it is missing. Nothing is kept
  // if the account or the token has as many as `most` says that have not ended. Throws FileGone.
  Admission create(const NewTraining& training, const ActiveLimits& most);
  std::optional<Training> find(const std::string& id);
  std::vector<Step> steps(const std::string& id);
  // A text that differs after any change of its status, its steps or its log; empty if there is no
  // such training.
  std::string revision(const std::string& id);
  // Newest first, also when going backwards; at most `limit`.
  std::vector<Training> list(const TrainingFilter& filter, const std::optional<PageStart>& start,
                             std::int64_t limit);

  // A training that no step is running of ends at once, otherwise the step is told. False for one
  // that has ended.
  bool cancel(const std::string& id);

  enum class Retry {
    done,
    not_ended,    // it still runs
    too_early,    // a step before that one has no result
    no_such_step
  };
  // Of one that has ended: runs `step` (empty: the one that failed, or was canceled) and those
  // behind it again.
  Retry retry(const std::string& id, const std::string& step);

  // `text` is made valid UTF-8 without NUL.
  void append_log(const std::string& id, const std::string& step, std::string_view text);
  // From that byte on; the parts that were appended stay whole, so `from` is 0 or a `next`.
  LogPart logs(const std::string& id, std::int64_t from = 0);

 private:
  sql::Pool& pool_;
  AnnounceTraining announce_;
};

}  // namespace dream::host
