// Writes zip archives of stored entries, streamed: what torch.save files and output.zip are. Zip64
// where sizes ask for it. Format: PKWARE APPNOTE.TXT 6.3.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "weights/formats/output_file.hpp"

namespace dream::weights {

class ZipWriter {
 public:
  explicit ZipWriter(OutputFile& file) : file_(file) {}

  // An entry of exactly `bytes` bytes, given piece by piece by `write`. Its data starts at a
  // multiple of `alignment`. Times are left at the format's first day, so that the same input gives
  // the same file. Throws Error when `write` gave another number of bytes.
  void add(const std::string& name, std::uint64_t bytes,
           const std::function<void(const WriteBytes&)>& write, std::uint64_t alignment = 1);
  void add(const std::string& name, std::string_view text, std::uint64_t alignment = 1);

  // The directory; nothing may be added after it.
  void finish();

 private:
  struct Entry {
    std::string name;
    std::uint64_t bytes = 0;
    std::uint64_t offset = 0;
    std::uint32_t crc = 0;
  };

  OutputFile& file_;
  std::vector<Entry> entries_;
};

}  // namespace dream::weights
