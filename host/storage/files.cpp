#include "host/storage/files.hpp"

#include "host/storage/blob_rows.hpp"

namespace dream::host {
namespace {

const std::string columns =
    "id, account, purpose, name, content_type, metadata, bytes, sha256, created_at, subject, "
    "removed_at, token";

FileRecord to_file(const sql::Row& row) {
  sql::Cells cells(row);
  FileRecord file;
  file.id = cells.text();
  file.account = cells.text();
  file.purpose = cells.text();
  file.name = cells.text();
  file.content_type = cells.text();
  file.metadata = cells.text();
  file.bytes = cells.integer();
  file.sha256 = cells.maybe_text();
  file.created_at = cells.integer();
  file.subject = cells.maybe_text();
  file.removed_at = cells.maybe_integer();
  file.token = cells.text();
  return file;
}

}  // namespace

void use_files(sql::Database& database, const std::vector<std::string>& files,
               const std::string& subject) {
  for (const auto& file : files) {
    // Written, so that whoever removes it waits for us, or we find it gone.
    const auto held = database.run(
        "UPDATE files SET removed_at = removed_at WHERE id = $1 AND removed_at IS NULL", file);
    if (held.changed == 0) throw FileGone(file);
    database.run("INSERT INTO file_uses (file, subject) VALUES ($1, $2) "
                 "ON CONFLICT (file, subject) DO NOTHING",
                 file, subject);
  }
}

void Files::insert(const FileRecord& file, const std::string& on_conflict) {
  pool_.transact([&](sql::Database& database) {
    if (file.sha256) use_blob(database, *file.sha256, BlobUse::stored);
    database.run("INSERT INTO files (" + columns +
                     ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)" + on_conflict,
                 file.id, file.account, file.purpose, file.name, file.content_type, file.metadata,
                 file.bytes, file.sha256, file.created_at, file.subject, file.removed_at,
                 file.token);
  });
}

void Files::add(const FileRecord& file) {
  insert(file, "");
}

void Files::add_or_replace(const FileRecord& file) {
  insert(file,
         " ON CONFLICT (id) DO UPDATE SET sha256 = excluded.sha256, bytes = excluded.bytes");
}

std::optional<FileRecord> Files::find(const std::string& id) {
  return pool_.with([&](sql::Database& database) -> std::optional<FileRecord> {
    const auto found = database.run("SELECT " + columns + " FROM files WHERE id = $1", id);
    if (found.first() == nullptr) return std::nullopt;
    return to_file(*found.first());
  });
}

std::vector<FileRecord> Files::list(const std::string& account, const std::string& purpose,
                                    const std::optional<PageStart>& start, std::int64_t limit) {
  Where where;
  where.add("account =", account);
  where.add("sha256 IS NOT NULL AND removed_at IS NULL AND purpose =", purpose);
  return pool_.with([&](sql::Database& database) {
    std::vector<FileRecord> files;
    for (const auto& row : select_page(database, {columns, "files"}, where, start, limit))
      files.push_back(to_file(row));
    return files;
  });
}

bool Files::remove(const std::string& id) {
  return pool_.transact([&](sql::Database& database) {
    return database
               .run("UPDATE files SET removed_at = $1 WHERE id = $2 AND removed_at IS NULL",
                    now_micros(), id)
               .changed > 0;
  });
}

bool Files::set_content(const std::string& id, const std::string& sha256, std::int64_t bytes) {
  return pool_.transact([&](sql::Database& database) {
    use_blob(database, sha256, BlobUse::stored);
    return database
               .run("UPDATE files SET sha256 = $1, bytes = $2 WHERE id = $3 "
                    "AND removed_at IS NULL",
                    sha256, bytes, id)
               .changed > 0;
  });
}

std::int64_t Files::bytes_of(const std::string& account) {
  return pool_.with([&](sql::Database& database) {
    return database
        .run("SELECT COALESCE(SUM(bytes), 0) FROM files WHERE account = $1 AND removed_at IS NULL",
             account)
        .first()
        ->integer(0);
  });
}

std::int64_t Files::bytes_of_token(const std::string& account, const std::string& token) {
  return pool_.with([&](sql::Database& database) {
    return database
        .run("SELECT COALESCE(SUM(bytes), 0) FROM files WHERE account = $1 AND token = $2 "
             "AND removed_at IS NULL",
             account, token)
        .first()
        ->integer(0);
  });
}

}  // namespace dream::host
