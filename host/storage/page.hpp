// Lists that are read page by page, newest first, for the stores of this folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/storage/clock.hpp"
#include "host/storage/database.hpp"

namespace dream::host {

// Where a page begins: behind this entry, in order of age. Forwards is towards older ones.
struct PageStart {
  Micros created_at = 0;
  std::string id;
  bool backwards = false;
};

// Collects conditions and their parameters.
struct Where {
  std::string text = {};
  std::vector<sql::Value> values = {};

  // `condition` lacks its value: "account =".
  void add(const std::string& condition, sql::Value value);
  // The parameter's name, "$3".
  std::string next(sql::Value value);
};

// What is read: columns and table, and the expression that tells entries of one time apart.
struct PageSource {
  std::string columns;
  std::string table;
  std::string id = "id";
};

// At most `limit` rows, newest first, also when going backwards.
std::vector<sql::Row> select_page(sql::Database& database, const PageSource& source, Where where,
                                  const std::optional<PageStart>& start, std::int64_t limit);

}  // namespace dream::host
