#include "host/worker/sdk_host/training_state.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <span>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "host/base/paths.hpp"
#include "weights/same_content.hpp"
#include "weights/sha256.hpp"

namespace dream::worker {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::hours kept_for{7 * 24};
constexpr const char* no_part[] = {"checkpointing_steps", "checkpoints_total_limit",
                                   "resume_from_checkpoint"};

std::string digest_of_archive(const fs::path& archive) {
  return archive.empty() ? "" : weights::sha256_of_file(archive);
}

// -1: another process, or another training of this one, holds it.
host::UniqueFd try_lock(const fs::path& folder) {
  host::UniqueFd file(::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0)
    throw std::system_error(errno, std::generic_category(), folder.native() + " cannot be written");
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return file;
}

fs::file_time_type last_use(const fs::path& folder) {
  auto last = fs::last_write_time(folder);
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error))
    last = std::max(last, fs::last_write_time(entry.path()));
  return last;
}

void remove_old(const fs::path& root, const fs::path& own) {
  const auto now = fs::file_time_type::clock::now();
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root, ignored)) {
    try {
      if (entry.path() == own || !entry.is_directory() || now - last_use(entry.path()) < kept_for)
        continue;
      const auto lock = try_lock(entry.path());
      if (lock.get() >= 0) fs::remove_all(entry.path());
    } catch (const std::exception&) {
      continue;  // another one removes it, or it is not ours to remove
    }
  }
}

// Also one that is not there.
bool has_nothing(const fs::path& folder) {
  std::error_code error;
  return fs::directory_iterator(folder, error) == fs::directory_iterator();
}

}  // namespace

std::string training_digest(const TrainingIdentity& identity) {
  nlohmann::ordered_json all = identity.arguments;
  for (const char* name : no_part) all.erase(name);
  all["instance_data"] = digest_of_archive(identity.instance_data);
  all["class_data"] = digest_of_archive(identity.class_data);
  all["base"] = weights::fingerprint(identity.base);
  all["software"] = identity.software;
  const std::string text = all.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  weights::Sha256 sha256;
  sha256.update(std::as_bytes(std::span(text)));
  return sha256.finish().substr(0, 32);
}

TrainingState::TrainingState(const fs::path& root, const std::string& digest)
    : folder_(root / digest) {
  fs::create_directories(root.parent_path());
  host::make_private_folder(root);
  host::make_private_folder(folder_);
  lock_ = try_lock(folder_);
  if (lock_.get() < 0)
    throw std::runtime_error("another training with the same inputs and data is under way");
  fs::create_directories(checkpoints());
  fs::create_directories(class_pictures());
  fs::last_write_time(folder_, fs::file_time_type::clock::now());
  remove_old(root, folder_);
}

TrainingState::~TrainingState() {
  if (has_nothing(checkpoints()) && has_nothing(class_pictures())) remove();
}

bool TrainingState::has_checkpoint() const {
  return !has_nothing(checkpoints());
}

void TrainingState::remove() {
  std::error_code ignored;  // what cannot be removed now goes when it is old
  fs::remove_all(folder_, ignored);
}

}  // namespace dream::worker
