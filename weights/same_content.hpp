// Whether two sets of weights are one and the same, to the byte, so that a process may hold them
// once: a DreamBooth model carries the VAE of the model it was trained on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "weights/tensor_view.hpp"

namespace dream::weights {

// Same names, types, shapes and bytes. Costs the reading of both where they are equal and next to
// nothing where they are not. What was read does not stay in this process's memory.
bool same_content(const WeightMap& a, const WeightMap& b);

// A file as it was at one time.
class FileState {
 public:
  // Of a path that cannot be looked at, a state that equals no other.
  explicit FileState(const std::filesystem::path& path);

  // Was this very file written to since? A file that was removed or replaced by another was not:
  // who has it mapped still sees what it was.
  bool was_rewritten() const;
  // One line that names path, file and state.
  std::string text() const;

 private:
  std::filesystem::path path_;
  bool there_ = false;
  std::uint64_t device_ = 0, inode_ = 0, bytes_ = 0;
  std::int64_t written_s_ = 0, written_ns_ = 0;
};

// The state of a file, or of every file in a folder, as text: equal as long as nothing changed.
std::string fingerprint(const std::filesystem::path& place);

}  // namespace dream::weights
