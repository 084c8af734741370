// The steps of trainings as a queue with leases. A step belongs to one owner until its lease runs
// out; an owner that is gone loses it, and the next one goes on from its checkpoint. Every change
// is bound to the lease: what an owner says that has lost it is not heard.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/storage/models.hpp"
#include "host/storage/trainings.hpp"

namespace dream::host {

class StepQueue {
 public:
  StepQueue(sql::Pool& pool, AnnounceTraining announce)
      : pool_(pool), announce_(std::move(announce)) {}

  // The step that has waited longest among those with one of `names`, for `lease` microseconds. Its
  // training moves on to "starting" or "pushing". `attempt` counts this run, unless it takes over
  // from an owner that went away.
  std::optional<Step> claim(const std::vector<std::string>& names, const std::string& owner,
                            Micros lease);

  struct Held {
    std::string training;
    std::int64_t position = 0;
    bool cancel_requested = false;
  };
  // Renews the leases of all steps of `owner`. Result: what it still holds.
  std::vector<Held> renew(const std::string& owner, Micros lease);

  // The following are false if the lease is lost.
  // Progress counts as a sign of health: takeovers are counted anew.
  bool save_checkpoint(const Step& step, const std::string& json);
  bool save_progress(const Step& step, const std::string& json);
  bool set_training_status(const Step& step, const std::string& status);

  struct Outcome {
    std::string checkpoint = "{}";
    std::optional<std::string> weights = std::nullopt;  // sha256 of a blob
    std::optional<NewVersion> version = std::nullopt;
  };
  // The next step becomes ready; behind the last one the training has succeeded. Throws BlobGone.
  bool succeed(const Step& step, const Outcome& outcome);
  // The step is tried again at `due`.
  bool defer(const Step& step, const std::string& error, Micros due);
  // As if it had not been claimed: the attempt does not count.
  bool put_back(const Step& step, Micros due);
  // The training has failed.
  bool fail(const Step& step, const std::string& error);
  // The training is canceled.
  bool cancel(const Step& step);

 private:
  template <typename Change, typename... Values>
  bool change(const Step& step, Change&& more, const std::string& assignments,
              const Values&... values);

  sql::Pool& pool_;
  AnnounceTraining announce_;
};

}  // namespace dream::host
