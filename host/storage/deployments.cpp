#include "host/storage/deployments.hpp"

namespace dream::host {
namespace {

const std::string columns =
    "owner, name, model_owner, model_name, version, hardware, min_instances, max_instances, "
    "release, created_at, released_at";

Deployment to_deployment(const sql::Row& row) {
  sql::Cells cells(row);
  Deployment deployment;
  deployment.owner = cells.text();
  deployment.name = cells.text();
  deployment.model_owner = cells.text();
  deployment.model_name = cells.text();
  deployment.version = cells.text();
  deployment.hardware = cells.text();
  deployment.min_instances = cells.integer();
  deployment.max_instances = cells.integer();
  deployment.release = cells.integer();
  deployment.created_at = cells.integer();
  deployment.released_at = cells.integer();
  return deployment;
}

std::vector<Deployment> to_deployments(const std::vector<sql::Row>& rows) {
  std::vector<Deployment> all;
  for (const auto& row : rows) all.push_back(to_deployment(row));
  return all;
}

}  // namespace

bool Deployments::create(const Deployment& deployment) {
  return pool_.transact([&](sql::Database& database) {
    const Micros now = now_micros();
    return database
               .run("INSERT INTO deployments (" + columns +
                        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10) "
                        "ON CONFLICT (owner, name) DO NOTHING",
                    deployment.owner, deployment.name, deployment.model_owner,
                    deployment.model_name, deployment.version, deployment.hardware,
                    deployment.min_instances, deployment.max_instances, now, now)
               .changed > 0;
  });
}

std::optional<Deployment> Deployments::find(const std::string& owner, const std::string& name) {
  return pool_.with([&](sql::Database& database) -> std::optional<Deployment> {
    const auto found = database.run(
        "SELECT " + columns + " FROM deployments WHERE owner = $1 AND name = $2", owner, name);
    if (found.first() == nullptr) return std::nullopt;
    return to_deployment(*found.first());
  });
}

std::vector<Deployment> Deployments::list(const std::string& owner,
                                          const std::optional<PageStart>& start,
                                          std::int64_t limit) {
  Where where;
  where.add("owner =", owner);
  return pool_.with([&](sql::Database& database) {
    return to_deployments(
        select_page(database, {columns, "deployments", "name"}, where, start, limit));
  });
}

std::vector<Deployment> Deployments::all() {
  return pool_.with([&](sql::Database& database) {
    return to_deployments(
        database.run("SELECT " + columns + " FROM deployments ORDER BY created_at").rows);
  });
}

bool Deployments::change(const Deployment& deployment) {
  return pool_.transact([&](sql::Database& database) {
    return database
               .run("UPDATE deployments SET model_owner = $1, model_name = $2, version = $3, "
                    "hardware = $4, min_instances = $5, max_instances = $6, "
                    "release = release + 1, released_at = $7 WHERE owner = $8 AND name = $9",
                    deployment.model_owner, deployment.model_name, deployment.version,
                    deployment.hardware, deployment.min_instances, deployment.max_instances,
                    now_micros(), deployment.owner, deployment.name)
               .changed > 0;
  });
}

bool Deployments::remove(const std::string& owner, const std::string& name) {
  return pool_.transact([&](sql::Database& database) {
    return database.run("DELETE FROM deployments WHERE owner = $1 AND name = $2", owner, name)
               .changed > 0;
  });
}

bool Deployments::any_of(const std::string& model_owner, const std::string& model_name,
                         const std::string& version) {
  return pool_.with([&](sql::Database& database) {
    return !database
                .run("SELECT 1 FROM deployments WHERE model_owner = $1 AND model_name = $2 "
                     "AND version = $3",
                     model_owner, model_name, version)
                .rows.empty();
  });
}

}  // namespace dream::host
