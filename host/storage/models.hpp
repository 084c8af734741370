// Models and their versions: what trainings make and predictions run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/storage/clock.hpp"
#include "host/storage/database.hpp"

namespace dream::host {

struct Model {
  std::string owner;
  std::string name;
  std::string account;     // who may write it
  std::string visibility;  // "private", "public"
  Micros created_at = 0;
};

struct NewVersion {
  std::string id;  // hexadecimal digest of the image's manifest
  std::string model_owner;
  std::string model_name;
  std::string image;          // where the image lies
  std::string weights;        // sha256 of a blob
  std::string template_name;
  std::optional<std::string> training = std::nullopt;  // that made it
  std::optional<std::string> notes = std::nullopt;
  std::optional<std::string> cog_version = std::nullopt;
  std::optional<std::string> schema = std::nullopt;  // OpenAPI document as JSON
};

struct Version : NewVersion {
  Micros created_at = 0;
};

// Parts of a transaction. A new model is private.
void make_model_if_missing(sql::Database& database, const std::string& account,
                           const std::string& owner, const std::string& name);
// Equal weights on an equal template are one version of a model: it keeps what is known of it.
void add_version(sql::Database& database, const NewVersion& version);

class Models {
 public:
  explicit Models(sql::Pool& pool) : pool_(pool) {}

  std::optional<Model> find(const std::string& owner, const std::string& name);
  // Newest first.
  std::vector<Version> versions(const std::string& owner, const std::string& name);
  // The same id may belong to several models.
  std::vector<Version> versions_with_id(const std::string& id);

 private:
  sql::Pool& pool_;
};

}  // namespace dream::host
