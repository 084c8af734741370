// Is a file that came over the network a whole model? Asked once, before it is kept.
#pragma once

#include <filesystem>

namespace dream::weights {

// An output.zip whose every entry has its checksum, or a single-file checkpoint whose tensors lie
// in the file. Nothing is loaded. Throws Error that says what is wrong without naming the path,
// which says nothing to who asked for a URL.
void check_model_file(const std::filesystem::path& path);

}  // namespace dream::weights
