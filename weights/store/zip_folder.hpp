// A folder as one archive, as output.zip is.
#pragma once

#include <filesystem>

namespace dream::weights {

// Writes all files below `folder` to the archive `out`, stored, named relative to the folder and in
// the order of their names. `out` is there whole or not at all. Throws Error.
void zip_folder(const std::filesystem::path& folder, const std::filesystem::path& out);

}  // namespace dream::weights
