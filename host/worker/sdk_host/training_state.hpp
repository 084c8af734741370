// Where a training keeps what it needs to go on after a crash: a folder for each, named by a digest
// of all that decides its result, so that the same request finds it again.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "host/base/unique_fd.hpp"

namespace dream::worker {

// All that decides a result.
struct TrainingIdentity {
  // Final ones; those that only say how state is kept do not count.
  nlohmann::ordered_json arguments;
  std::filesystem::path instance_data, class_data;  // archives, counted by content; may be empty
  std::filesystem::path base;  // counted by weights::fingerprint()
  std::string software;        // versions of what computes, and the device
};

// 32 hexadecimal digits. Throws weights::Error for a file that cannot be read.
std::string training_digest(const TrainingIdentity& identity);

class TrainingState {
 public:
  // The folder root/digest, made if it is missing, and this training's alone while the object
  // lives. Removes what other trainings left there and have not touched for a week. Throws
  // std::runtime_error that says why it cannot be had; the training can do without.
  TrainingState(const std::filesystem::path& root, const std::string& digest);
  ~TrainingState();  // a folder in which nothing is goes
  TrainingState(const TrainingState&) = delete;
  TrainingState& operator=(const TrainingState&) = delete;

  std::filesystem::path checkpoints() const { return folder_ / "checkpoints"; }
  std::filesystem::path class_pictures() const { return folder_ / "class"; }
  bool has_checkpoint() const;

  // The training is complete: nothing stays.
  void remove();

 private:
  std::filesystem::path folder_;
  host::UniqueFd lock_;
};

}  // namespace dream::worker
