// Takes a template's output file over into the folder of its prediction.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dream::worker {

// Throws SdkError (DREAM_INVALID_INPUT) for anything but a plain file name.
void check_file_name(std::string_view name);

// Puts `file` into `folder` under `name`, or as name-2, name-3… if that is taken. Moves it when it
// lies in `own_folder` (may be empty), else copies it. Returns the absolute path. Throws SdkError.
std::filesystem::path take_file(const std::filesystem::path& file,
                                const std::filesystem::path& folder, const std::string& name,
                                const std::filesystem::path& own_folder);

// Writes a whole file. Throws SdkError (DREAM_INTERNAL) naming it.
void write_file(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes);

// By extension; "application/octet-stream" for an unknown one.
std::string media_type(std::string_view name);

}  // namespace dream::worker
