#include "host/storage/sqlite.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstring>

#include "host/base/unique_fd.hpp"

namespace dream::host::sqlite {
namespace {

constexpr int primary = 0xff;  // of an extended result code

// What SQLite says, and the system's reason where it has one.
[[noreturn]] void fail(sqlite3* database, int code, const std::string& file) {
  std::string message = fmt::format("{}: {}", file, sqlite3_errstr(code & primary));
  if (database != nullptr && (sqlite3_errcode(database) & primary) == (code & primary))
    message = fmt::format("{}: {}", file, sqlite3_errmsg(database));
  const int system = database != nullptr ? sqlite3_system_errno(database) : 0;
  const bool of_system = (code & primary) == SQLITE_CANTOPEN || (code & primary) == SQLITE_IOERR;
  if (system != 0 && of_system) message += fmt::format(" ({})", std::strerror(system));
  throw Error(message, code & primary);
}

// SQLite makes files that everybody may read, and gives those of the log the mode of the database.
void make_private(const std::string& file) {
  constexpr mode_t owner_alone = 0600;
  const UniqueFd made(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, owner_alone));
  if (made.get() < 0)
    throw Error(fmt::format("{}: {}", file, std::strerror(errno)), SQLITE_CANTOPEN);
}

std::string file_of(sqlite3* database) {
  const char* const name = sqlite3_db_filename(database, "main");
  return name == nullptr ? "" : name;
}

}  // namespace

bool Error::is_damage() const {
  return code_ == SQLITE_CORRUPT || code_ == SQLITE_NOTADB;
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void Statement::check(int code) const {
  sqlite3* const database = sqlite3_db_handle(statement_.get());
  if (code != SQLITE_OK) fail(database, code, file_of(database));
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), parameter, value));
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  check(sqlite3_bind_text64(statement_.get(), parameter, text.data() != nullptr ? text.data() : "",
                            text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_blob(int parameter, std::string_view bytes) {
  check(sqlite3_bind_blob64(statement_.get(), parameter,
                            bytes.data() != nullptr ? bytes.data() : "", bytes.size(),
                            SQLITE_STATIC));
  return *this;
}

Statement& Statement::bind_null(int parameter) {
  check(sqlite3_bind_null(statement_.get(), parameter));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  sqlite3* const database = sqlite3_db_handle(statement_.get());
  if (code != SQLITE_DONE) {
    try {
      fail(database, code, file_of(database));
    } catch (...) {
      sqlite3_reset(statement_.get());  // gives back its locks
      throw;
    }
  }
  sqlite3_reset(statement_.get());
  return false;
}

void Statement::run() {
  while (step()) {
  }
}

int Statement::columns() const {
  return sqlite3_column_count(statement_.get());
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::bytes(int column) const {
  const void* const data = sqlite3_column_blob(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Database::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

Database::Database(const std::filesystem::path& file, std::chrono::milliseconds busy)
    : file_(std::filesystem::absolute(file)) {
  make_private(file_.string());
  const bool is_new = std::filesystem::is_empty(file_);
  sqlite3* opened = nullptr;
  constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(file_.c_str(), &opened, flags, nullptr);
  database_.reset(opened);
  if (code != SQLITE_OK) fail(opened, code, file_.string());
  sqlite3_extended_result_codes(opened, 1);
  sqlite3_busy_timeout(opened, static_cast<int>(busy.count()));
  // The schema is not to be believed where the file may be damaged or somebody else's.
  sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  if (is_new) execute("PRAGMA auto_vacuum = INCREMENTAL");
  execute("PRAGMA journal_mode = WAL");
  execute("PRAGMA synchronous = FULL");  // survives the end of the machine too
  execute("PRAGMA foreign_keys = ON");
  execute("PRAGMA cell_size_check = ON");
  execute("PRAGMA journal_size_limit = 67108864");
}

Statement Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      &statement, nullptr);
  if (code != SQLITE_OK) fail(database_.get(), code, file_.string());
  return Statement(statement);
}

void Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(database_.get(), code, file_.string());
}

std::int64_t Database::changes() const {
  return sqlite3_changes64(database_.get());
}

void Database::migrate(std::span<const char* const> steps) {
  Statement version = prepare("PRAGMA user_version");
  version.step();
  const std::int64_t seen = version.integer(0);
  version.run();
  const auto known = static_cast<std::int64_t>(steps.size());
  if (seen > known)
    throw NewerSchema(
        fmt::format("{}: its schema is version {}, of a later version of this "
                    "program; this one knows {}",
                    file_.string(), seen, known));
  if (seen < 0)
    throw Error(fmt::format("{}: a schema of version {}", file_.string(), seen), SQLITE_CORRUPT);
  for (std::int64_t next = seen; next < known; ++next) {
    Transaction step(*this);
    execute(steps[static_cast<std::size_t>(next)]);
    execute(fmt::format("PRAGMA user_version = {}", next + 1));
    step.commit();
  }
}

void Database::verify() {
  Statement check = prepare("PRAGMA quick_check(1)");
  if (!check.step()) throw Error(file_.string() + ": cannot be checked", SQLITE_CORRUPT);
  const std::string result = check.bytes(0);
  if (result != "ok") throw Error(fmt::format("{}: {}", file_.string(), result), SQLITE_CORRUPT);
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.execute("ROLLBACK");
  } catch (const Error&) {  // some errors have rolled back already
  }
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace dream::host::sqlite
