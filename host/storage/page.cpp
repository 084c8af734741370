#include "host/storage/page.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace dream::host {

void Where::add(const std::string& condition, sql::Value value) {
  const std::string parameter = next(std::move(value));
  text += fmt::format("{}{} {}", text.empty() ? "" : " AND ", condition, parameter);
}

std::string Where::next(sql::Value value) {
  values.push_back(std::move(value));
  return fmt::format("${}", values.size());
}

std::vector<sql::Row> select_page(sql::Database& database, const PageSource& source, Where where,
                                  const std::optional<PageStart>& start, std::int64_t limit) {
  const bool backwards = start && start->backwards;
  if (start) {
    const std::string time = where.next(start->created_at);
    const std::string id = where.next(start->id);
    where.text += fmt::format(" AND (created_at, {}) {} ({}, {})", source.id,
                              backwards ? '>' : '<', time, id);
  }
  const char* const order = backwards ? "ASC" : "DESC";
  const std::string statement =
      fmt::format("SELECT {} FROM {} WHERE {} ORDER BY created_at {}, {} {} LIMIT {}",
                  source.columns, source.table, where.text, order, source.id, order,
                  where.next(limit));
  auto rows = database.run_values(statement, where.values).rows;
  if (backwards) std::reverse(rows.begin(), rows.end());
  return rows;
}

}  // namespace dream::host
