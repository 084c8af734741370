// The pictures a trainer is given: a zip archive as people make them, checked to the last file
// before anything is trained.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/training.hpp"

namespace dream::worker {

struct TrainingDataLimits {
  std::size_t most_files = 20'000;
  std::uint64_t most_bytes = 16ULL << 30;  // unpacked
};

struct TrainingData {
  std::vector<engine::TrainPicture> pictures;  // in the order of their names in the archive
  std::vector<std::string> notes;              // a line for each file that was left out
};

// Writes the archive's pictures into `folder`, which must be there, under names of its own: what a
// name in the archive says of folders matters to captions alone. Folders, hidden files and macOS's
// __MACOSX are passed over. A caption is the text of `name.txt` beside `name.png`, or the one that
// a `metadata.jsonl` beside it gives for its file_name. Throws SdkError (DREAM_INVALID_INPUT) that
// begins with `input` and names the file: no archive, no pictures, a picture that cannot be
// decoded, an archive inside, too many files or bytes, a caption for nothing.
TrainingData unpack_training_data(const std::filesystem::path& archive, const std::string& input,
                                  const std::filesystem::path& folder,
                                  const TrainingDataLimits& limits = {});

// A picture as trainers see it: upright RGB, alpha laid on white. Throws engine::InvalidInput.
engine::Image read_training_picture(const std::filesystem::path& file);

}  // namespace dream::worker
