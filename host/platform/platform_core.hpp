// What every part of the platform works with: options, tables, files. Nothing here runs by itself.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/downloads/address_rule.hpp"
#include "host/platform/accounts.hpp"
#include "host/platform/catalogue.hpp"
#include "host/platform/dataset_check.hpp"
#include "host/platform/host_plan.hpp"
#include "host/platform/images.hpp"
#include "host/platform/keep_times.hpp"
#include "host/platform/problem.hpp"
#include "host/platform/rate_limit.hpp"
#include "host/platform/signing.hpp"
#include "host/platform/training_view.hpp"
#include "host/s3/blobs.hpp"
#include "host/storage/blobs.hpp"
#include "host/storage/deployments.hpp"
#include "host/storage/files.hpp"
#include "host/storage/models.hpp"
#include "host/storage/prediction_queue.hpp"
#include "host/storage/predictions.hpp"
#include "host/storage/replies.hpp"
#include "host/storage/reports.hpp"
#include "host/storage/retention.hpp"
#include "host/storage/step_queue.hpp"
#include "host/storage/trainings.hpp"

namespace dream::host {

struct PlatformLimits {
  std::uint64_t upload_bytes = 2ULL << 30;   // of one file
  std::uint64_t account_bytes = 0;           // of all uploads of an account; 0: no limit
  std::int64_t account_trainings = 0;        // of an account that have not ended; 0: no limit
  std::int64_t account_predictions = 1000;   // of an account that wait for a host; 0: no limit
  std::uint64_t weights_bytes = 64ULL << 30;
  DatasetLimits dataset;
  std::chrono::seconds upload_window{3600};  // that an upload_url can be used
  int tries = 3;                             // of a step
  RateLimits rates;                          // of an account with a token
};

// How versions are run on this machine.
struct HostingOptions {
  HostBounds bounds;
  std::vector<std::string> installed;              // templates of this machine
  std::map<std::string, std::string> served_with;  // catalogue's template → one of this machine
  std::int64_t attempts = 3;  // of a prediction whose platform went away each time
};

struct PlatformOptions {
  std::string host = "127.0.0.1";
  int port = 8000;  // 0 lets the system choose
  std::filesystem::path data;
  std::string database;    // empty: SQLite in `data`
  std::optional<s3::BlobOptions> s3;  // nothing: blobs lie in `data` alone
  std::string public_url;  // how clients and trainers reach us; empty: as they do
  std::string registry;    // HOST or HOST/PREFIX; empty: images stay in `data`
  Accounts accounts;
  Catalogue catalogue;
  AddressRule addresses = AddressRule::no_link_local;  // of what clients name by URL
  PlatformLimits limits;
  KeepTimes keep;
  HostingOptions hosting;
  int trainings_at_once = 1;
  std::chrono::milliseconds lease{20000};
};

struct PlatformCore {
  PlatformCore(const PlatformOptions& chosen, std::unique_ptr<Images> image_tools);

  // Of the platform itself, as trainers on this machine or elsewhere reach it; known once it
  // listens.
  std::string own_url;
  std::string local_url;  // the same for processes of this machine
  std::string instance;  // this process, unlike any other on the database

  const PlatformOptions& options;
  std::unique_ptr<Images> images;
  sql::Pool pool;
  std::unique_ptr<BlobStore> blobs;
  Capabilities capabilities;
  AnnounceTraining announce;
  Trainings trainings;
  StepQueue steps;
  AnnouncePrediction announce_prediction;
  StoredPredictions predictions;
  PredictionQueue prediction_queue;
  Deployments deployments;
  Deliveries deliveries;
  Reports reports;
  Models models;
  Files files;
  Replies replies;
  Retention retention;

  // `base` as in training_view().
  TrainingParts parts_of(const Training& training, const std::string& base);
  void add_urls(TrainingParts& parts, const std::string& base) const;
  // The blob that one of our own file URLs means; nothing for another URL.
  std::optional<FileRecord> own_file(const std::string& url);
  // "https://host/files/…/data.zip"
  std::string file_url(const std::string& base, const FileRecord& file) const;
  // The ids of our own files that an input of `account` names.
  std::vector<std::string> files_in(const Json& input, const std::string& account);
  // One of our own file URLs as whoever reaches us by `base` sees it; other texts stay as they are.
  std::string rebased(const std::string& url, const std::string& base) const;
  // Inputs as a host or trainer gets them: URLs of files of `account`, as its clients know them,
  // become such as serve the files to whoever reaches us by `base`, without a login.
  Json reachable(const Json& input, const std::string& account, const std::string& base);
  // The template of this machine that runs versions on `template_name`; empty if there is none.
  std::string served_with(const std::string& template_name) const;
};

}  // namespace dream::host
