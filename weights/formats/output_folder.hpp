// A folder that is there whole or not at all: filled under another name beside its own and renamed
// when it is complete.
#pragma once

#include <filesystem>
#include <string>

namespace dream::weights {

class OutputFolder {
 public:
  // Makes the folders above it too. Throws Error naming the path when they cannot be written.
  explicit OutputFolder(std::filesystem::path path);
  ~OutputFolder();  // removes what was not committed
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  // Where its files are put: the name with a dot and six characters after it.
  std::filesystem::path path() const { return temporary_; }
  // Flushes the folder to the disk (its files are flushed by who writes them, as OutputFile does)
  // and gives it its name, which nothing but an empty folder may bear. Throws Error.
  void commit();

 private:
  std::filesystem::path path_;
  std::string temporary_;  // empty once committed
};

}  // namespace dream::weights
