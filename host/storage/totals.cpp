#include "host/storage/totals.hpp"

namespace dream::host {
namespace {

std::vector<Totals::Count> counts(sql::Database& database, const std::string& name,
                                  const std::string& table) {
  std::vector<Totals::Count> found;
  const auto result = database.run("SELECT " + name + " AS kind, status, COUNT(*) FROM " + table +
                                   " GROUP BY kind, status ORDER BY kind, status");
  for (const auto& row : result.rows) found.push_back({row.text(0), row.text(1), row.integer(2)});
  return found;
}

std::int64_t number(sql::Database& database, const std::string& query) {
  return database.run(query).first()->integer(0);
}

}  // namespace

Totals read_totals(sql::Pool& pool) {
  return pool.with([](sql::Database& database) {
    Totals totals;
    totals.trainings = counts(database, "''", "trainings");
    totals.steps = counts(database, "name", "steps");
    totals.webhooks = counts(database, "''", "deliveries");
    totals.models = number(database, "SELECT COUNT(*) FROM models");
    totals.versions = number(database, "SELECT COUNT(*) FROM versions");
    totals.files = number(database, "SELECT COUNT(*) FROM files WHERE sha256 IS NOT NULL");
    totals.file_bytes = number(database, "SELECT COALESCE(SUM(bytes), 0) FROM files");
    totals.blobs = number(database, "SELECT COUNT(*) FROM blobs");
    totals.blob_bytes = number(database, "SELECT COALESCE(SUM(bytes), 0) FROM blobs");
    return totals;
  });
}

}  // namespace dream::host
