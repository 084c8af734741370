// What a trainer tells of a run of it, kept until the step that waits for it looks, whichever
// process hears it.
#pragma once

#include <optional>
#include <string>

#include "host/storage/clock.hpp"
#include "host/storage/database.hpp"
#include "host/storage/trainings.hpp"

namespace dream::host {

struct Report {
  std::string status;                 // Cog's: "starting", "processing", "succeeded" …
  std::optional<std::string> output = {};  // JSON
  std::optional<std::string> error = {};
  std::optional<std::string> metrics = {};  // JSON
  std::optional<std::string> blob = {};     // sha256 of a file that came within the output
  Micros at = 0;                       // the newest news
};

class Reports {
 public:
  Reports(sql::Pool& pool, AnnounceTraining announce)
      : pool_(pool), announce_(std::move(announce)) {}

  // `logs`: all of the run's so far; what is new of them goes to the training's log under the step
  // "train". The end of a run stays as it was told first. False if there is no such training.
  bool add(const std::string& training, std::int64_t run, const Report& report,
           const std::string& logs);
  std::optional<Report> find(const std::string& training, std::int64_t run);
  // Of any run from `first` on that succeeded: one that was given up may come to an end after all.
  std::optional<Report> find_success(const std::string& training, std::int64_t first);

 private:
  sql::Pool& pool_;
  AnnounceTraining announce_;
};

}  // namespace dream::host
