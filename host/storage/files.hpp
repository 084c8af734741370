// What is known of files that clients upload and trainers make; their bytes are blobs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/storage/clock.hpp"
#include "host/storage/page.hpp"

namespace dream::host {

struct FileRecord {
  std::string id;
  std::string account;
  std::string purpose;  // "upload": of the Dreambooth API; "output": of a trainer; "file"
  std::string name = {};
  std::string content_type = {};
  std::string metadata = "{}";  // JSON
  std::int64_t bytes = 0;
  std::optional<std::string> sha256 = {};  // nothing: the bytes have not come yet
  Micros created_at = 0;
  std::optional<Micros> expires_at = {};
};

class Files {
 public:
  explicit Files(sql::Pool& pool) : pool_(pool) {}

  void add(const FileRecord& file);
  std::optional<FileRecord> find(const std::string& id);
  // The bytes have come, or come again: the newest count. False if there is no such file.
  bool set_content(const std::string& id, const std::string& sha256, std::int64_t bytes);
  // Those of one purpose whose bytes have come.
  std::vector<FileRecord> list(const std::string& account, const std::string& purpose,
                               const std::optional<PageStart>& start, std::int64_t limit);
  // The blob stays. False if there is no such file.
  bool remove(const std::string& id);
  // Of all files of an account that have come.
  std::int64_t bytes_of(const std::string& account);

 private:
  sql::Pool& pool_;
};

}  // namespace dream::host
