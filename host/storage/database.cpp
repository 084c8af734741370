#include "host/storage/database.hpp"

#include "host/base/text.hpp"

namespace dream::host::sql {

std::int64_t Row::integer(std::size_t column) const {
  return maybe_integer(column).value_or(0);
}

std::optional<std::int64_t> Row::maybe_integer(std::size_t column) const {
  if (is_null(column)) return std::nullopt;
  const auto number = parse_number<std::int64_t>(*cells_[column]);
  if (!number) throw Error("'" + *cells_[column] + "' is not a whole number", Error::Kind::other);
  return number;
}

// PostgreSQL takes neither; SQLite would, and then the two would not behave alike.
Result Database::run_values(std::string_view statement, const std::vector<Value>& values) {
  for (const Value& value : values) {
    const auto* const text = std::get_if<std::string>(&value);
    if (text == nullptr) continue;
    if (text->find('\0') != std::string::npos || valid_utf8(*text) != *text)
      throw Error("a text for the database is not UTF-8 or holds a NUL", Error::Kind::other);
  }
  return execute(statement, values);
}

std::unique_ptr<Database> open_database(const std::string& address) {
  const std::string sqlite = "sqlite:";
  if (address.starts_with(sqlite) && address.size() > sqlite.size()) {
    std::string file = address.substr(sqlite.size());
    if (file.starts_with("//")) file.erase(0, 2);  // sqlite:///var/lib/dream.sqlite
    return open_sqlite(file);
  }
  for (const char* scheme : {"postgres:", "postgresql:"}) {
    if (address.starts_with(scheme)) return open_postgres(address);
  }
  throw std::invalid_argument("the database '" + address + "' is neither sqlite:PATH nor "
                              "postgres://USER@HOST/NAME");
}

Pool::Pool(std::string address) : address_(std::move(address)) {
  free_.push_back(open_database(address_));
}

std::unique_ptr<Database> Pool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      auto database = std::move(free_.back());
      free_.pop_back();
      return database;
    }
  }
  return open_database(address_);
}

void Pool::give_back(std::unique_ptr<Database> database) noexcept {
  if (database == nullptr || !database->usable()) return;
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(database));
}

}  // namespace dream::host::sql
