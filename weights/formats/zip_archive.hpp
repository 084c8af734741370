// Just enough of zip to read what torch.save writes and what tools make of it: stored entries as
// views into the file's bytes, deflated ones unpacked to memory, zip64 for the large ones. Format:
// PKWARE APPNOTE.TXT 6.3.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "weights/formats/memory_map.hpp"

namespace dream::weights {

class ZipArchive {
 public:
  struct Entry {
    std::uint64_t header_offset = 0;  // of the local header
    std::uint64_t stored_bytes = 0;
    std::uint64_t plain_bytes = 0;
    std::uint32_t crc32 = 0;   // of the plain bytes
    std::uint16_t method = 0;  // 0 stored, 8 deflated
    std::uint16_t unix_mode = 0;  // with the type of file (S_IFMT); 0: none is told
    bool encrypted = false;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  // Reads the central directory. Entry data is not touched. Throws Error on a damaged directory,
  // duplicate names, or an archive in several parts.
  static ZipArchive open(const FileBytes& file);

  const Entries& entries() const { return entries_; }
  bool has(std::string_view name) const { return entries_.contains(name); }
  // The bytes of an entry: a view into the file, or for a deflated one a buffer that is made at
  // each call. Checksums are not looked at. Throws Error when there is no such entry, it is
  // encrypted or compressed in another way, its local header disagrees, or it would unpack to more
  // than both 64 MiB and 64 times its size.
  FileBytes read(std::string_view name) const;
  // The same piece by piece, so that memory use does not grow with the entry, and with its checksum
  // compared at the end. Throws Error as read() does, and for a checksum that does not match.
  void read(std::string_view name,
            const std::function<void(std::span<const std::byte>)>& take) const;
  // Reads every entry and compares its checksum. Throws Error that names the first bad one.
  void verify() const;

 private:
  void read_directory(std::uint64_t offset, std::uint64_t bytes, std::uint64_t count);
  const Entry& readable_entry(std::string_view name) const;
  std::span<const std::byte> stored_bytes(std::string_view name, const Entry& entry) const;
  [[noreturn]] void fail(std::string_view what) const;

  FileBytes file_;
  Entries entries_;
  std::uint64_t directory_offset_ = 0;  // entries end before it
};

}  // namespace dream::weights
