// SQLite as a sql::Database.
#include <sqlite3.h>

#include <chrono>

#include "host/storage/database.hpp"
#include "host/storage/sqlite.hpp"

namespace dream::host::sql {
namespace {

// Writers of several processes and threads take turns; each turn is a few milliseconds.
constexpr std::chrono::milliseconds longest_turn{30000};

Error to_error(const sqlite::Error& error) {
  const bool busy = error.code() == SQLITE_BUSY || error.code() == SQLITE_LOCKED;
  return {error.what(), busy ? Error::Kind::conflict : Error::Kind::other};
}

// "$1" → "?1": SQLite numbers the former in the order of their appearance.
std::string numbered(std::string_view statement) {
  std::string text(statement);
  for (char& c : text) {
    if (c == '$') c = '?';
  }
  return text;
}

class SqliteDatabase : public Database {
 public:
  explicit SqliteDatabase(const std::string& file) : database_(file, longest_turn) {}

  void run_script(const std::string& script) override {
    guarded([&] { database_.execute(script); });
  }
  std::string_view skip_locked() const override { return ""; }
  void lock(const std::string&) override {}  // begin() has taken the whole file
  void begin() override {
    guarded([&] { database_.execute("BEGIN IMMEDIATE"); });
  }
  void commit() override {
    try {
      guarded([&] { database_.execute("COMMIT"); });
    } catch (const Error&) {
      roll_back();
      throw;
    }
  }
  void roll_back() noexcept override {
    try {
      database_.execute("ROLLBACK");
    } catch (const std::exception&) {  // some errors have rolled back already
    }
  }
  bool usable() const override { return true; }

 protected:
  Result execute(std::string_view statement, const std::vector<Value>& values) override {
    Result result;
    guarded([&] {
      auto prepared = database_.prepare(numbered(statement));
      bind(prepared, values);
      while (prepared.step()) result.rows.push_back(row_of(prepared));
      result.changed = database_.changes();
    });
    return result;
  }

 private:
  template <typename Work>
  static void guarded(Work&& work) {
    try {
      work();
    } catch (const sqlite::Error& error) {
      throw to_error(error);
    }
  }

  static void bind(sqlite::Statement& prepared, const std::vector<Value>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const int number = static_cast<int>(i) + 1;
      if (const auto* text = std::get_if<std::string>(&values[i]))
        prepared.bind(number, std::string_view(*text));
      else if (const auto* integer = std::get_if<std::int64_t>(&values[i]))
        prepared.bind(number, *integer);
      else
        prepared.bind_null(number);
    }
  }

  static Row row_of(const sqlite::Statement& prepared) {
    std::vector<std::optional<std::string>> cells;
    for (int i = 0; i < prepared.columns(); ++i) {
      if (prepared.is_null(i))
        cells.emplace_back();
      else
        cells.emplace_back(prepared.bytes(i));
    }
    return Row(std::move(cells));
  }

  sqlite::Database database_;
};

}  // namespace

std::unique_ptr<Database> open_sqlite(const std::string& file) {
  try {
    return std::make_unique<SqliteDatabase>(file);
  } catch (const sqlite::Error& error) {
    throw to_error(error);
  }
}

}  // namespace dream::host::sql
