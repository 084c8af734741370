// What is known of files that clients upload and trainers make; their bytes are blobs.
#pragma once

#include <optional>
#include <stdexcept>
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
  std::optional<std::string> subject = {};   // id of the training or prediction that made it
  std::string token = {};                    // a name of the one that made it
  std::optional<Micros> removed_at = {};     // it serves what uses it already, and nobody else
};

// A file that is to be used is there no longer; `id` says which.
struct FileGone : std::runtime_error {
  explicit FileGone(const std::string& file)
      : std::runtime_error("the file " + file + " is no longer there"), id(file) {}
  std::string id;
};

// Part of a transaction: what they are used for keeps them until it has ended. Throws FileGone.
void use_files(sql::Database& database, const std::vector<std::string>& files,
               const std::string& subject);

class Files {
 public:
  explicit Files(sql::Pool& pool) : pool_(pool) {}

  // Throws BlobGone.
  void add(const FileRecord& file);
  // The same again is not an error: whoever brings it may try again.
  void add_or_replace(const FileRecord& file);
  std::optional<FileRecord> find(const std::string& id);
  // The bytes have come, or come again: the newest count. False if there is no such file. Throws
  // BlobGone.
  bool set_content(const std::string& id, const std::string& sha256, std::int64_t bytes);
  // Those of one purpose whose bytes have come.
  std::vector<FileRecord> list(const std::string& account, const std::string& purpose,
                               const std::optional<PageStart>& start, std::int64_t limit);
  // Its account has no more of it; what uses it has. Retention removes it. False if there is none.
  bool remove(const std::string& id);
  // Of all files of an account that have come, but for those that were removed.
  std::int64_t bytes_of(const std::string& account);
  std::int64_t bytes_of_token(const std::string& account, const std::string& token);

 private:
  void insert(const FileRecord& file, const std::string& on_conflict);

  sql::Pool& pool_;
};

}  // namespace dream::host
