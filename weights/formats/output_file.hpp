// A file that is there whole or not at all: written under another name in the same folder and
// renamed when it is complete.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace dream::weights {

// Takes the next piece of what is written.
using WriteBytes = std::function<void(std::span<const std::byte>)>;

class OutputFile {
 public:
  // Throws Error naming the path when the folder cannot be written.
  explicit OutputFile(std::filesystem::path path);
  ~OutputFile();  // removes what was not committed
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::span<const std::byte> bytes);  // throws Error, e.g. on a full disk
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  // Puts other bytes where some were written before.
  void overwrite(std::uint64_t position, std::string_view text);
  std::uint64_t position() const { return position_; }
  // Flushes to the disk and takes the place of whatever bore the name. Throws Error.
  void commit();

 private:
  [[noreturn]] void fail() const;

  std::filesystem::path path_;
  std::string temporary_;
  int fd_ = -1;
  std::uint64_t position_ = 0;
};

}  // namespace dream::weights
