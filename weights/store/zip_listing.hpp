// What lies in a zip archive that is no model, such as the pictures of a training, without
// unpacking it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

namespace dream::weights {

struct ZipMember {
  std::string name;
  std::uint64_t stored_bytes = 0;
  std::uint64_t plain_bytes = 0;
  bool is_folder = false;
  // Its content, with its checksum compared; throws Error if it is encrypted, damaged, or unpacks
  // to more than both 64 MiB and 64 times its size.
  std::function<std::string()> read;
};

// Calls visit(member) in the order of names. Throws Error that does not name the path: it says
// nothing to who sent the file.
void list_zip(const std::filesystem::path& path,
              const std::function<void(const ZipMember&)>& visit);

}  // namespace dream::weights
