// The predictions that wait for hosts and those that run on them, as a queue with leases. A process
// that is gone loses what its hosts ran; it then runs again elsewhere, from its beginning. Every
// change is bound to the attempt: what a host says whose prediction was taken from it is not heard.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/storage/prediction_rows.hpp"

namespace dream::host {

class PredictionQueue {
 public:
  PredictionQueue(sql::Pool& pool, AnnouncePrediction announce)
      : pool_(pool), announce_(std::move(announce)) {}

  struct Demand {
    HostKind kind;
    std::int64_t waiting = 0;
    Micros since = 0;  // of the oldest
  };
  // What waits, by the kind of host it needs, the longest first.
  std::vector<Demand> demand();

  // The one that has waited longest for a host of that kind, for `lease` microseconds.
  std::optional<StoredPrediction> claim(const HostKind& kind, const std::string& owner,
                                        Micros lease);

  struct Held {
    std::string id;
    std::int64_t attempt = 0;
    bool is_to_end = false;  // a client canceled it, or its deadline has passed
  };
  // All that `owner` still holds.
  std::vector<Held> held(const std::string& owner);
  // Keeps them for `lease` from now on.
  void renew(const std::string& owner, Micros lease);
  // What others have left runs again, or has failed after `most_attempts`. What waits past its
  // deadline is canceled.
  void tend(std::int64_t most_attempts);

  struct Progress {
    std::optional<std::string> output = {};  // JSON, all so far
    std::string logs = {};                   // all so far
  };
  // The following are false if the attempt no longer runs.
  bool progress(const std::string& id, std::int64_t attempt, const Progress& progress);
  bool finish(const std::string& id, std::int64_t attempt, const PredictionResult& result);
  // As if it had not been claimed.
  bool put_back(const std::string& id, std::int64_t attempt);
  // All that has waited since `before` or longer for a host of a kind not to be had has failed.
  void fail_waiting(const HostKind& kind, const std::string& error, Micros before);

 private:
  sql::Pool& pool_;
  AnnouncePrediction announce_;
};

}  // namespace dream::host
