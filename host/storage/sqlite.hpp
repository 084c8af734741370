// SQLite databases that close themselves and report errors as exceptions. Every one is opened the
// same way: write-ahead log, a commit is on the disk when it returns, readable to our user alone.
//
// A Database and what comes from it belong to one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace dream::host::sqlite {

// "FILE: database or disk is full". What was under way is undone, the database can be used again.
class Error : public std::runtime_error {
 public:
  Error(const std::string& message, int code) : std::runtime_error(message), code_(code) {}
  int code() const { return code_; }  // a primary result code of SQLite
  // The content is not, or no longer, that of a database. Trying again does not help.
  bool is_damage() const;

 private:
  int code_;
};

// The file was written by a later version of this program.
class NewerSchema : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// One prepared statement. Parameters count from 1, columns from 0.
class Statement {
 public:
  // Texts and blobs are not copied: they must live as long as the statement is run.
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, std::string_view text);
  Statement& bind_blob(int parameter, std::string_view bytes);
  Statement& bind_null(int parameter);

  // To the next row; false at the end, after which the statement can be run again with the same
  // parameters. Throws Error.
  bool step();
  // To the end, rows do not matter.
  void run();

  int columns() const;  // of a row
  std::int64_t integer(int column) const;
  std::string bytes(int column) const;  // of a text or a blob; null is empty
  bool is_null(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  void check(int code) const;

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  // Opens `file` or makes it, for its owner alone to read. Waits up to `busy` for other processes.
  // Throws Error, also for a file that is no database.
  explicit Database(const std::filesystem::path& file,
                    std::chrono::milliseconds busy = std::chrono::milliseconds(5000));

  Statement prepare(std::string_view sql);
  void execute(const std::string& sql);  // one statement or several
  std::int64_t changes() const;          // rows of the last INSERT, UPDATE or DELETE

  // Brings the schema up to date: the file says how many of `steps` it has seen, the others are
  // run, each in a transaction. Throws NewerSchema if it has seen more than there are.
  void migrate(std::span<const char* const> steps);
  // Reads the whole file. Throws Error with is_damage() if its structure is damaged.
  void verify();

  const std::filesystem::path& file() const { return file_; }

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };

  std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> database_;
};

// Undone unless commit() was reached.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace dream::host::sqlite
