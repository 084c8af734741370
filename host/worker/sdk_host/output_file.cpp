#include "host/worker/sdk_host/output_file.hpp"

#include <algorithm>
#include <fstream>

#include "host/base/mime.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"

namespace dream::worker {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t max_name_bytes = 200;  // leaves room for "-2" below the usual 255

fs::path free_path(const fs::path& folder, const std::string& name) {
  const fs::path plain = folder / name;
  const std::string stem = plain.stem().native();
  const std::string extension = plain.extension().native();
  fs::path path = plain;
  for (int number = 2; fs::exists(fs::symlink_status(path)); ++number)
    path = folder / (stem + "-" + std::to_string(number) + extension);
  return path;
}

bool lies_in(const fs::path& file, const fs::path& folder) {
  if (folder.empty()) return false;
  const fs::path relative = fs::canonical(file).lexically_relative(fs::canonical(folder));
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

void check_file_name(std::string_view name) {
  const bool plain = std::ranges::none_of(
      name, [](char c) { return c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (name.empty() || name.size() > max_name_bytes || !plain || name.front() == '.')
    throw invalid("output file name '" + std::string(name.substr(0, max_name_bytes)) +
                  "': a name is 1 to 200 bytes without folders and control characters, and does "
                  "not start with a dot");
}

fs::path take_file(const fs::path& file, const fs::path& folder, const std::string& name,
                   const fs::path& own_folder) {
  try {
    if (!fs::is_regular_file(file))
      throw invalid("output file " + file.native() + " does not exist or is not a plain file");
    const fs::path target = fs::absolute(free_path(folder, name));
    const bool own = lies_in(file, own_folder) && !fs::is_symlink(file);
    std::error_code other_disk;
    if (own) fs::rename(file, target, other_disk);
    if (!own || other_disk) fs::copy_file(file, target);
    return target;
  } catch (const fs::filesystem_error& error) {
    throw SdkError(DREAM_INTERNAL, "output file " + file.native() + ": " + error.what());
  }
}

void write_file(const fs::path& path, const std::vector<std::uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush())
    throw SdkError(DREAM_INTERNAL, "cannot write " + path.native() +
                                       ": is the folder there, and is there room on the disk?");
}

std::string media_type(std::string_view name) {
  return std::string(host::media_type_of(name));
}

}  // namespace dream::worker
