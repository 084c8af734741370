#include "host/storage/models.hpp"

#include "host/base/text.hpp"

namespace dream::host {
namespace {

const std::string version_columns =
    "id, model_owner, model_name, image, weights, template, training, notes, cog_version, schema, "
    "created_at";

const std::string model_columns =
    "owner, name, account, visibility, description, hardware, github_url, paper_url, license_url, "
    "cover_image_url, readme, default_example, run_count, created_at";
const std::string model_id = "owner || '/' || name";

Model to_model(const sql::Row& row) {
  sql::Cells cells(row);
  Model model;
  model.owner = cells.text();
  model.name = cells.text();
  model.account = cells.text();
  model.visibility = cells.text();
  model.description = cells.maybe_text();
  model.hardware = cells.maybe_text();
  model.github_url = cells.maybe_text();
  model.paper_url = cells.maybe_text();
  model.license_url = cells.maybe_text();
  model.cover_image_url = cells.maybe_text();
  model.readme = cells.maybe_text();
  model.default_example = cells.maybe_text();
  model.run_count = cells.integer();
  model.created_at = cells.integer();
  return model;
}

std::vector<Model> to_models(const std::vector<sql::Row>& rows) {
  std::vector<Model> models;
  for (const auto& row : rows) models.push_back(to_model(row));
  return models;
}

Where visible_to(const std::string& account) {
  Where where;
  where.text = "(visibility = 'public' OR account = " + where.next(account) + ")";
  return where;
}

// For LIKE, with '!' as the escape.
std::string anywhere(const std::string& text) {
  std::string pattern = "%";
  for (const char c : lower(text)) {
    if (c == '%' || c == '_' || c == '!') pattern += '!';
    pattern += c;
  }
  return pattern + "%";
}

Version to_version(const sql::Row& row) {
  Version version;
  sql::Cells cells(row);
  version.id = cells.text();
  version.model_owner = cells.text();
  version.model_name = cells.text();
  version.image = cells.text();
  version.weights = cells.text();
  version.template_name = cells.text();
  version.training = cells.maybe_text();
  version.notes = cells.maybe_text();
  version.cog_version = cells.maybe_text();
  version.schema = cells.maybe_text();
  version.created_at = cells.integer();
  return version;
}

std::vector<Version> to_versions(const std::vector<sql::Row>& rows) {
  std::vector<Version> versions;
  for (const auto& row : rows) versions.push_back(to_version(row));
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
    const auto found = database.run(
        "SELECT " + model_columns + " FROM models WHERE owner = $1 AND name = $2", owner, name);
    if (found.first() == nullptr) return std::nullopt;
    return to_model(*found.first());
  });
}

bool Models::create(const Model& model) {
  return pool_.transact([&](sql::Database& database) {
    return database
               .run("INSERT INTO models (" + model_columns +
                        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13) "
                        "ON CONFLICT (owner, name) DO NOTHING",
                    model.owner, model.name, model.account, model.visibility, model.description,
                    model.hardware, model.github_url, model.paper_url, model.license_url,
                    model.cover_image_url, model.readme, model.default_example, now_micros())
               .changed > 0;
  });
}

bool Models::change(const Model& model) {
  return pool_.transact([&](sql::Database& database) {
    return database
               .run("UPDATE models SET visibility = $1, description = $2, github_url = $3, "
                    "paper_url = $4, license_url = $5, cover_image_url = $6, readme = $7, "
                    "default_example = $8 WHERE owner = $9 AND name = $10",
                    model.visibility, model.description, model.github_url, model.paper_url,
                    model.license_url, model.cover_image_url, model.readme, model.default_example,
                    model.owner, model.name)
               .changed > 0;
  });
}

bool Models::remove(const std::string& owner, const std::string& name) {
  return pool_.transact([&](sql::Database& database) {
    return database
               .run("DELETE FROM models WHERE owner = $1 AND name = $2 AND NOT EXISTS (SELECT 1 "
                    "FROM versions WHERE model_owner = $1 AND model_name = $2)",
                    owner, name)
               .changed > 0;
  });
}

std::vector<Model> Models::list(const std::string& account, const std::optional<PageStart>& start,
                                std::int64_t limit) {
  return pool_.with([&](sql::Database& database) {
    return to_models(select_page(database, {model_columns, "models", model_id},
                                 visible_to(account), start, limit));
  });
}

std::vector<Model> Models::search(const std::string& account, const std::string& text,
                                  std::int64_t limit) {
  Where where = visible_to(account);
  const std::string pattern = where.next(anywhere(text));
  const std::string like = " LIKE " + pattern + " ESCAPE '!'";
  const std::string statement =
      "SELECT " + model_columns + " FROM models WHERE " + where.text + " AND (LOWER(" + model_id +
      ")" + like + " OR LOWER(COALESCE(description, ''))" + like +
      " OR LOWER(COALESCE(readme, ''))" + like + ") ORDER BY run_count DESC, created_at DESC, " +
      "owner, name LIMIT " + where.next(limit);
  return pool_.with([&](sql::Database& database) {
    return to_models(database.run_values(statement, where.values).rows);
  });
}

std::vector<Version> Models::versions(const std::string& owner, const std::string& name) {
  return pool_.with([&](sql::Database& database) {
    return to_versions(database.run("SELECT " + version_columns +
                                        " FROM versions WHERE model_owner = $1 AND model_name = $2 "
                                        "ORDER BY created_at DESC, id DESC",
                                    owner, name)
                           .rows);
  });
}

std::vector<Version> Models::versions_with_id(const std::string& id) {
  return pool_.with([&](sql::Database& database) {
    return to_versions(database.run("SELECT " + version_columns +
                                        " FROM versions WHERE id = $1 ORDER BY created_at",
                                    id)
                           .rows);
  });
}

std::vector<Version> Models::versions_page(const std::string& owner, const std::string& name,
                                           const std::optional<PageStart>& start,
                                           std::int64_t limit) {
  Where where;
  where.add("model_owner =", owner);
  where.add("model_name =", name);
  return pool_.with([&](sql::Database& database) {
    return to_versions(select_page(database, {version_columns, "versions"}, where, start, limit));
  });
}

std::optional<Version> Models::latest_version(const std::string& owner, const std::string& name) {
  auto newest = versions_page(owner, name, std::nullopt, 1);
  if (newest.empty()) return std::nullopt;
  return std::move(newest.front());
}

std::optional<Version> Models::find_version(const std::string& owner, const std::string& name,
                                            const std::string& id) {
  return pool_.with([&](sql::Database& database) -> std::optional<Version> {
    const auto found = database.run("SELECT " + version_columns +
                                        " FROM versions WHERE model_owner = $1 AND model_name = $2 "
                                        "AND id = $3",
                                    owner, name, id);
    if (found.first() == nullptr) return std::nullopt;
    return to_version(*found.first());
  });
}

bool Models::remove_version(const std::string& owner, const std::string& name,
                            const std::string& id) {
  return pool_.transact([&](sql::Database& database) {
    return database
               .run("DELETE FROM versions WHERE model_owner = $1 AND model_name = $2 AND id = $3",
                    owner, name, id)
               .changed > 0;
  });
}

}  // namespace dream::host
