// A file that says to probes which only look at files that the set-up has succeeded, as Cog's
// servers make one for Kubernetes.
#pragma once

#include <filesystem>
#include <utility>

namespace dream::host {

class ReadyFile {
 public:
  // Empty: there is none, and nothing happens.
  explicit ReadyFile(std::filesystem::path path) : path_(std::move(path)) {}
  ~ReadyFile() {
    if (is_ours_) remove();
  }
  ReadyFile(const ReadyFile&) = delete;
  ReadyFile& operator=(const ReadyFile&) = delete;

  // Both log what they cannot do: a server is of use without the file.
  void create();
  void remove();  // also one that an earlier server left

 private:
  std::filesystem::path path_;
  bool is_ours_ = false;
};

}  // namespace dream::host
