// A training and its steps as they are stored.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/storage/clock.hpp"

namespace dream::host {

namespace training_status {
inline constexpr char queued[] = "queued";
inline constexpr char starting[] = "starting";      // the trainer is being reached
inline constexpr char processing[] = "processing";  // the trainer works
inline constexpr char pushing[] = "pushing";        // the image is built and pushed
inline constexpr char succeeded[] = "succeeded";
inline constexpr char failed[] = "failed";
inline constexpr char canceled[] = "canceled";
}  // namespace training_status

// Whether nothing more happens to it by itself.
inline bool is_terminal(std::string_view status) {
  return status == training_status::succeeded || status == training_status::failed ||
         status == training_status::canceled;
}

namespace step_name {
inline constexpr char train[] = "train";
inline constexpr char fetch[] = "fetch";  // weights that are given, in the place of a training
inline constexpr char build[] = "build";
inline constexpr char push[] = "push";
}  // namespace step_name

namespace step_status {
inline constexpr char waiting[] = "waiting";  // for the step before it
inline constexpr char ready[] = "ready";
inline constexpr char running[] = "running";
inline constexpr char succeeded[] = "succeeded";
inline constexpr char failed[] = "failed";
inline constexpr char canceled[] = "canceled";
}  // namespace step_status

struct NewTraining {
  std::string id;
  std::string origin;  // "dreambooth" or "replicate": the API that made it
  std::string account;
  std::string input;  // JSON object
  std::string model_owner;
  std::string model_name;
  std::string trainer;   // empty with `weights_url`
  std::string template_name;
  std::optional<std::string> trainer_version;
  std::optional<std::string> template_version;
  std::optional<std::string> weights_url;
  std::optional<std::string> notes;
  std::optional<std::string> webhook;
  std::optional<std::string> webhook_events;  // JSON array
  std::string token = {};                     // a name of the one that made it; not read back
  std::vector<std::string> files = {};        // ids of those that the input names; not read back
};

struct Training : NewTraining {
  std::string status;
  Micros created_at = 0;
  std::optional<Micros> started_at;
  std::optional<Micros> completed_at;
  bool cancel_requested = false;
  std::optional<std::string> error;
  std::optional<std::string> failed_step;
  std::optional<std::string> weights;  // sha256 of a blob
  std::optional<std::string> version;
  std::int64_t log_bytes = 0;
};

struct Step {
  std::string training;
  std::int64_t position = 0;
  std::string name = {};
  std::string status = {};
  std::int64_t attempt = 0;    // 1 while the first one runs
  std::int64_t takeovers = 0;  // from owners that went away, since the last checkpoint
  Micros due_at = 0;
  std::optional<std::string> owner = {};
  std::optional<Micros> lease_until = {};
  std::optional<Micros> left_at = {};  // when its last owner left it, at the latest
  std::string checkpoint = "{}";  // JSON
  std::optional<std::string> progress = {};  // JSON
  std::optional<Micros> started_at = {};
  std::optional<Micros> completed_at = {};
  std::optional<std::string> error = {};
};

}  // namespace dream::host
