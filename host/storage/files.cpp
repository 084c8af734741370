#include "host/storage/files.hpp"

namespace dream::host {
namespace {

const std::string columns =
    "id, account, purpose, name, content_type, metadata, bytes, sha256, created_at, expires_at";

}  // namespace

void Files::add(const FileRecord& file) {
  pool_.transact([&](sql::Database& database) {
    database.run("INSERT INTO files (" + columns +
                     ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                 file.id, file.account, file.purpose, file.name, file.content_type, file.metadata,
                 file.bytes, file.sha256, file.created_at, file.expires_at);
  });
}

std::optional<FileRecord> Files::find(const std::string& id) {
  return pool_.with([&](sql::Database& database) -> std::optional<FileRecord> {
    const auto found = database.run("SELECT " + columns + " FROM files WHERE id = $1", id);
    const sql::Row* const row = found.first();
    if (row == nullptr) return std::nullopt;
    return FileRecord{row->text(0),    row->text(1),       row->text(2),   row->text(3),
                      row->text(4),    row->text(5),       row->integer(6), row->maybe_text(7),
                      row->integer(8), row->maybe_integer(9)};
  });
}

bool Files::set_content(const std::string& id, const std::string& sha256, std::int64_t bytes) {
  return pool_.transact([&](sql::Database& database) {
    return database
               .run("UPDATE files SET sha256 = $1, bytes = $2 WHERE id = $3", sha256, bytes, id)
               .changed > 0;
  });
}

std::int64_t Files::bytes_of(const std::string& account) {
  return pool_.with([&](sql::Database& database) {
    return database.run("SELECT COALESCE(SUM(bytes), 0) FROM files WHERE account = $1", account)
        .first()
        ->integer(0);
  });
}

}  // namespace dream::host
