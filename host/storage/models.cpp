#include "host/storage/models.hpp"

namespace dream::host {
namespace {

const std::string version_columns =
    "id, model_owner, model_name, image, weights, template, training, notes, cog_version, schema, "
    "created_at";

Version to_version(const sql::Row& row) {
  Version version;
  std::size_t next = 0;
  version.id = row.text(next++);
  version.model_owner = row.text(next++);
  version.model_name = row.text(next++);
  version.image = row.text(next++);
  version.weights = row.text(next++);
  version.template_name = row.text(next++);
  version.training = row.maybe_text(next++);
  version.notes = row.maybe_text(next++);
  version.cog_version = row.maybe_text(next++);
  version.schema = row.maybe_text(next++);
  version.created_at = row.integer(next++);
  return version;
}

std::vector<Version> to_versions(const sql::Result& found) {
  std::vector<Version> versions;
  for (const auto& row : found.rows) versions.push_back(to_version(row));
  return versions;
}

}  // namespace

void make_model_if_missing(sql::Database& database, const std::string& account,
                           const std::string& owner, const std::string& name) {
  database.run("INSERT INTO models (owner, name, account, visibility, created_at) "
               "VALUES ($1, $2, $3, 'private', $4) ON CONFLICT (owner, name) DO NOTHING",
               owner, name, account, now_micros());
}

void add_version(sql::Database& database, const NewVersion& version) {
  database.run("INSERT INTO versions (" + version_columns +
                   ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
                   "ON CONFLICT (id, model_owner, model_name) DO NOTHING",
               version.id, version.model_owner, version.model_name, version.image, version.weights,
               version.template_name, version.training, version.notes, version.cog_version,
               version.schema, now_micros());
}

std::optional<Model> Models::find(const std::string& owner, const std::string& name) {
  return pool_.with([&](sql::Database& database) -> std::optional<Model> {
    const auto found = database.run("SELECT owner, name, account, visibility, created_at "
                                    "FROM models WHERE owner = $1 AND name = $2",
                                    owner, name);
    const sql::Row* const row = found.first();
    if (row == nullptr) return std::nullopt;
    return Model{row->text(0), row->text(1), row->text(2), row->text(3), row->integer(4)};
  });
}

std::vector<Version> Models::versions(const std::string& owner, const std::string& name) {
  return pool_.with([&](sql::Database& database) {
    return to_versions(database.run("SELECT " + version_columns +
                                        " FROM versions WHERE model_owner = $1 AND model_name = $2 "
                                        "ORDER BY created_at DESC, id DESC",
                                    owner, name));
  });
}

std::vector<Version> Models::versions_with_id(const std::string& id) {
  return pool_.with([&](sql::Database& database) {
    return to_versions(database.run("SELECT " + version_columns +
                                        " FROM versions WHERE id = $1 ORDER BY created_at",
                                    id));
  });
}

}  // namespace dream::host
