// Deployments: a version under a name of its own, with hosts of its own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/storage/page.hpp"

namespace dream::host {

struct Deployment {
  std::string owner;  // the account
  std::string name;
  std::string model_owner;
  std::string model_name;
  std::string version;
  std::string hardware;
  std::int64_t min_instances = 0;  // hosts that are kept ready
  std::int64_t max_instances = 1;  // hosts at most
  std::int64_t release = 1;        // counts the changes
  Micros created_at = 0;
  Micros released_at = 0;

  std::string full_name() const { return owner + "/" + name; }
};

class Deployments {
 public:
  explicit Deployments(sql::Pool& pool) : pool_(pool) {}

  // False if there is one of that name.
  bool create(const Deployment& deployment);
  std::optional<Deployment> find(const std::string& owner, const std::string& name);
  std::vector<Deployment> list(const std::string& owner, const std::optional<PageStart>& start,
                               std::int64_t limit);
  // Of all accounts.
  std::vector<Deployment> all();
  // As it is now, with the next release number. False if there is none.
  bool change(const Deployment& deployment);
  bool remove(const std::string& owner, const std::string& name);
  // Whether any runs that version of the model.
  bool any_of(const std::string& model_owner, const std::string& model_name,
              const std::string& version);

 private:
  sql::Pool& pool_;
};

}  // namespace dream::host
