// Models and their versions: what trainings make and predictions run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/storage/clock.hpp"
#include "host/storage/page.hpp"

namespace dream::host {

struct Model {
  std::string owner;
  std::string name;
  std::string account;     // who may write it
  std::string visibility;  // "private", "public"
  std::optional<std::string> description = {};
  std::optional<std::string> hardware = {};
  std::optional<std::string> github_url = {};
  std::optional<std::string> paper_url = {};
  std::optional<std::string> license_url = {};
  std::optional<std::string> cover_image_url = {};
  std::optional<std::string> readme = {};           // Markdown
  std::optional<std::string> default_example = {};  // id of a prediction
  std::int64_t run_count = 0;
  Micros created_at = 0;

  std::string full_name() const { return owner + "/" + name; }
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
  // False if there is one of that name.
  bool create(const Model& model);
  // All that PATCH may change of it. False if there is none.
  bool change(const Model& model);
  // False if there is none, or it has versions.
  bool remove(const std::string& owner, const std::string& name);
  // Those that an account may see: its own and the public ones.
  std::vector<Model> list(const std::string& account, const std::optional<PageStart>& start,
                          std::int64_t limit);
  // Of these the ones with `text` in their names, descriptions or readmes, most used first.
  std::vector<Model> search(const std::string& account, const std::string& text,
                            std::int64_t limit);

  // Newest first.
  std::vector<Version> versions(const std::string& owner, const std::string& name);
  std::vector<Version> versions_page(const std::string& owner, const std::string& name,
                                     const std::optional<PageStart>& start, std::int64_t limit);
  std::optional<Version> latest_version(const std::string& owner, const std::string& name);
  std::optional<Version> find_version(const std::string& owner, const std::string& name,
                                      const std::string& id);
  // The image and the weights stay where they are. False if there is none such.
  bool remove_version(const std::string& owner, const std::string& name, const std::string& id);
  // The same id may belong to several models.
  std::vector<Version> versions_with_id(const std::string& id);

 private:
  sql::Pool& pool_;
};

}  // namespace dream::host
