// Predictions of versions: what clients do with them. What runs them is the prediction queue.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/storage/active_limits.hpp"
#include "host/storage/page.hpp"
#include "host/storage/prediction_rows.hpp"

namespace dream::host {

struct PredictionFilter {
  std::string account;
  std::optional<Micros> created_after = {};
  std::optional<Micros> created_before = {};
};

class StoredPredictions {
 public:
  StoredPredictions(sql::Pool& pool, AnnouncePrediction announce)
      : pool_(pool), announce_(std::move(announce)) {}

  // It waits for a host. Its model's run count grows. Nothing is kept if the account or the token
  // has as many as `most` says that no host has begun. Throws FileGone, BlobGone.
  Admission create(const NewStoredPrediction& prediction, const ActiveLimits& most);
  std::optional<StoredPrediction> find(const std::string& id);
  // Of its output, logs and end: the same as before if none of them has changed. Nothing if it is
  // not there.
  struct Revision {
    std::int64_t number = 0;
    std::string status;
    bool operator==(const Revision&) const = default;
  };
  std::optional<Revision> revision(const std::string& id);
  std::vector<StoredPrediction> list(const PredictionFilter& filter,
                                     const std::optional<PageStart>& start, std::int64_t limit);
  // One that no host runs ends at once, otherwise its host is told. False for one that has ended.
  bool cancel(const std::string& id);

 private:
  sql::Pool& pool_;
  AnnouncePrediction announce_;
};

}  // namespace dream::host
