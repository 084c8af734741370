// One SQL database behind a small interface, so that SQLite and PostgreSQL differ in one file each
// and everything above is written once. The SQL is what both understand: parameters are $1, $2 …,
// values are texts (valid UTF-8 without NUL), 64-bit integers and null; times are microseconds.
//
// A Database belongs to one thread at a time; a Pool may be shared.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace dream::host::sql {

// What the database says, with its address but without a password. What was under way is undone.
class Error : public std::runtime_error {
 public:
  enum class Kind {
    other,
    connection,  // cannot be reached, or no longer
    conflict,    // with another transaction: the same again may succeed
    newer        // the schema is of a later version of this program
  };
  Error(const std::string& message, Kind kind) : std::runtime_error(message), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

using Value = std::variant<std::nullptr_t, std::int64_t, std::string>;

template <typename T>
Value to_value(const T& value) {
  if constexpr (std::is_same_v<T, std::nullptr_t>) {
    return nullptr;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<std::int64_t>(value);
  } else {
    return std::string(value);
  }
}
template <typename T>
Value to_value(const std::optional<T>& value) {
  return value ? to_value(*value) : Value(nullptr);
}

// Columns count from 0.
class Row {
 public:
  explicit Row(std::vector<std::optional<std::string>> cells) : cells_(std::move(cells)) {}
  bool is_null(std::size_t column) const { return !cells_.at(column); }
  std::string text(std::size_t column) const { return cells_.at(column).value_or(""); }
  std::optional<std::string> maybe_text(std::size_t column) const { return cells_.at(column); }
  std::int64_t integer(std::size_t column) const;  // null is 0
  std::optional<std::int64_t> maybe_integer(std::size_t column) const;

 private:
  std::vector<std::optional<std::string>> cells_;
};

// The columns of a row one after the other, as the statement names them. `row` outlives it.
class Cells {
 public:
  explicit Cells(const Row& row) : row_(row) {}
  bool is_null() { return row_.is_null(next_++); }
  std::string text() { return row_.text(next_++); }
  std::optional<std::string> maybe_text() { return row_.maybe_text(next_++); }
  std::int64_t integer() { return row_.integer(next_++); }
  std::optional<std::int64_t> maybe_integer() { return row_.maybe_integer(next_++); }

 private:
  const Row& row_;
  std::size_t next_ = 0;
};

struct Result {
  std::vector<Row> rows;
  std::int64_t changed = 0;  // rows of an INSERT, UPDATE or DELETE

  const Row* first() const { return rows.empty() ? nullptr : &rows.front(); }
};

class Database {
 public:
  virtual ~Database() = default;
  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // One statement. Throws Error; also for a text that is not UTF-8 or has a NUL.
  template <typename... Arguments>
  Result run(std::string_view statement, const Arguments&... arguments) {
    return run_values(statement, {to_value(arguments)...});
  }
  Result run_values(std::string_view statement, const std::vector<Value>& values);
  // Several statements without parameters.
  virtual void run_script(const std::string& script) = 0;

  // What a SELECT inside a claim ends with: rows that others hold are passed over.
  virtual std::string_view skip_locked() const = 0;
  // Waits until no other transaction holds that name, and holds it to the end of this one.
  virtual void lock(const std::string& name) = 0;
  virtual void begin() = 0;  // also takes the right to write, where there is only one
  virtual void commit() = 0;
  virtual void roll_back() noexcept = 0;
  // Whether the connection can still be used.
  virtual bool usable() const = 0;

 protected:
  virtual Result execute(std::string_view statement, const std::vector<Value>& values) = 0;
};

// "sqlite:PATH" or "postgres:…", "postgresql://…" (any libpq connection URI). Throws
// std::invalid_argument for another text, Error if it cannot be opened.
std::unique_ptr<Database> open_database(const std::string& address);
std::unique_ptr<Database> open_sqlite(const std::string& file);
std::unique_ptr<Database> open_postgres(const std::string& address);

// Undone unless commit() was reached.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) { database_.begin(); }
  ~Transaction() {
    if (open_) database_.roll_back();
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    open_ = false;
    database_.commit();
  }

 private:
  Database& database_;
  bool open_ = true;
};

// Connections that are used again. Safe from any thread.
class Pool {
 public:
  // Opens one connection, so that a wrong address is known at once. Throws as open_database().
  explicit Pool(std::string address);

  // work(Database&) outside a transaction.
  template <typename Work>
  auto with(Work&& work) {
    Lease lease(*this);
    return work(*lease.database);
  }
  // work(Database&) as one transaction. It runs again after a conflict with another one, so it must
  // do nothing that cannot be undone.
  template <typename Work>
  auto transact(Work&& work) {
    for (int tries = 1;; ++tries) {
      Lease lease(*this);
      try {
        Transaction transaction(*lease.database);
        if constexpr (std::is_void_v<decltype(work(*lease.database))>) {
          work(*lease.database);
          return transaction.commit();
        } else {
          auto result = work(*lease.database);
          transaction.commit();
          return result;
        }
      } catch (const Error& error) {
        if (error.kind() != Error::Kind::conflict || tries == most_tries) throw;
      }
    }
  }

 private:
  static constexpr int most_tries = 10;

  struct Lease {
    explicit Lease(Pool& owner) : pool(owner), database(owner.take()) {}
    ~Lease() { pool.give_back(std::move(database)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Pool& pool;
    std::unique_ptr<Database> database;
  };
  std::unique_ptr<Database> take();
  void give_back(std::unique_ptr<Database> database) noexcept;

  std::string address_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Database>> free_;
};

}  // namespace dream::host::sql
