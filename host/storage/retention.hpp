// What is removed when: rows that have had their time, and blobs to which nothing refers any more.
// Any number of processes may do so at a time, and end at any point: what one leaves the next one
// finds.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "host/storage/blobs.hpp"
#include "host/storage/clock.hpp"
#include "host/storage/database.hpp"

namespace dream::host {

// How long things are kept, in microseconds; nothing: for ever.
struct RetentionRules {
  std::optional<Micros> trainings;    // since their end: rows, logs, weights that no version has
  std::optional<Micros> predictions;  // since their end: rows, outputs
  std::optional<Micros> files;        // of clients, since they were made
  Micros uploads = 3600'000'000LL;          // to which nothing has come
  Micros webhooks = 24 * 3600'000'000LL;    // since they were delivered or given up
  Micros replies = 24 * 3600'000'000LL;     // to requests with an Idempotency-Key
};

struct Removed {
  std::int64_t trainings = 0;
  std::int64_t predictions = 0;
  std::int64_t files = 0;
  std::int64_t webhooks = 0;
  std::int64_t replies = 0;
  std::int64_t blobs = 0;
  std::int64_t blob_bytes = 0;

  Removed& operator+=(const Removed& more);
};

class Retention {
 public:
  Retention(sql::Pool& pool, BlobStore& store, const RetentionRules& rules)
      : pool_(pool), store_(store), rules_(rules) {}

  using GoOn = std::function<bool()>;
  // Everything whose time is over, until `go_on` says no. Not removed are: trainings and
  // predictions that run or wait, or whose webhook does; the examples of models; files that either
  // of them needs; blobs of files, versions, trainings and predictions that wait or run. Throws
  // sql::Error, BlobsUnavailable; what was done until then is done.
  Removed run(const GoOn& go_on);
  // A file that was removed goes at once unless it is in use, with its blob if that was the last
  // reference. The same exceptions.
  Removed remove_file(const std::string& id);
  // What lies on this machine and no row knows, for an hour at least: copies of blobs that others
  // have removed, and what versions without rows of blobs have left, which run() removes.
  void sweep_machine(const GoOn& go_on);
  // All that this has removed so far. From any thread, as remove_file() is.
  Removed totals() const;

 private:
  Removed counted(const Removed& removed);
  template <typename Work>
  std::int64_t in_batches(const GoOn& go_on, Work&& work);
  std::int64_t remove_ended(const std::string& table, const std::string& keeps, Micros before,
                            const GoOn& go_on);
  std::int64_t remove_files(const GoOn& go_on);
  std::int64_t remove_simple(const std::string& table, const std::string& key,
                             const std::string& condition, Micros before, const GoOn& go_on);
  void doom_blobs(const GoOn& go_on);
  bool doom(sql::Database& database, const std::string& sha256, Micros now);
  Removed remove_doomed(const GoOn& go_on);
  std::optional<std::int64_t> remove_blob(const std::string& sha256);

  sql::Pool& pool_;
  BlobStore& store_;
  RetentionRules rules_;
  mutable std::mutex mutex_;
  Removed totals_;
};

}  // namespace dream::host
