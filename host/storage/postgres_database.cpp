// PostgreSQL as a sql::Database, through libpq.
#include <fmt/format.h>
#include <libpq-fe.h>

#include <cstring>

#include "host/base/text.hpp"
#include "host/storage/database.hpp"

namespace dream::host::sql {
namespace {

struct CloseConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, CloseConnection>;
using Answer = std::unique_ptr<PGresult, ClearResult>;

std::string one_line(const char* message) {
  return std::string(trimmed(message == nullptr ? "" : message, " \n"));
}

// https://www.postgresql.org/docs/15/errcodes-appendix.html
Error::Kind kind_of(PGconn* connection, const PGresult* answer) {
  if (PQstatus(connection) != CONNECTION_OK) return Error::Kind::connection;
  const char* const state = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
  if (state == nullptr) return Error::Kind::other;
  for (const char* conflict : {"40001", "40P01"}) {
    if (std::strcmp(state, conflict) == 0) return Error::Kind::conflict;
  }
  return std::strncmp(state, "57P", 3) == 0 ? Error::Kind::connection : Error::Kind::other;
}

void ignore_notice(void*, const char*) {}

class PostgresDatabase : public Database {
 public:
  explicit PostgresDatabase(const std::string& address) : connection_(connect(address)) {
    run_script("SET client_min_messages = warning");
    run_script("SET client_encoding = 'UTF8'");
  }

  void run_script(const std::string& script) override {
    Answer answer(PQexec(connection_.get(), script.c_str()));
    check(answer.get());
  }
  std::string_view skip_locked() const override { return " FOR UPDATE SKIP LOCKED"; }
  void lock(const std::string& name) override {
    run("SELECT pg_advisory_xact_lock(hashtextextended($1, 7021960553))", "dream " + name);
  }
  void begin() override { run_script("BEGIN"); }
  void commit() override { run_script("COMMIT"); }
  void roll_back() noexcept override {
    Answer ignored(PQexec(connection_.get(), "ROLLBACK"));
  }
  bool usable() const override {
    return PQstatus(connection_.get()) == CONNECTION_OK &&
           PQtransactionStatus(connection_.get()) == PQTRANS_IDLE;
  }

 protected:
  Result execute(std::string_view statement, const std::vector<Value>& values) override {
    std::vector<std::string> texts(values.size());
    std::vector<const char*> pointers(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::holds_alternative<std::nullptr_t>(values[i])) continue;
      const auto* const integer = std::get_if<std::int64_t>(&values[i]);
      texts[i] = integer != nullptr ? std::to_string(*integer) : std::get<std::string>(values[i]);
      pointers[i] = texts[i].c_str();
    }
    Answer answer(PQexecParams(connection_.get(), std::string(statement).c_str(),
                               static_cast<int>(values.size()), nullptr, pointers.data(), nullptr,
                               nullptr, 0));
    check(answer.get());
    return to_result(answer.get());
  }

 private:
  static Connection connect(const std::string& address) {
    // libpq knows postgres://…; postgres:NAME=VALUE… is its other form behind our scheme.
    std::string text = address;
    if (!text.starts_with("postgres://") && !text.starts_with("postgresql://"))
      text.erase(0, text.find(':') + 1);
    Connection connection(PQconnectdb(text.c_str()));
    if (PQstatus(connection.get()) != CONNECTION_OK)
      throw Error("the PostgreSQL database cannot be reached: " +
                      one_line(PQerrorMessage(connection.get())),
                  Error::Kind::connection);
    PQsetNoticeProcessor(connection.get(), ignore_notice, nullptr);
    return connection;
  }

  void check(const PGresult* answer) {
    const auto status = answer == nullptr ? PGRES_FATAL_ERROR : PQresultStatus(answer);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY)
      return;
    throw Error("PostgreSQL: " + one_line(PQerrorMessage(connection_.get())),
                kind_of(connection_.get(), answer));
  }

  static Result to_result(PGresult* answer) {
    Result result;
    result.changed = parse_number<std::int64_t>(PQcmdTuples(answer)).value_or(0);
    for (int row = 0; row < PQntuples(answer); ++row) {
      std::vector<std::optional<std::string>> cells;
      for (int column = 0; column < PQnfields(answer); ++column) {
        if (PQgetisnull(answer, row, column) != 0)
          cells.emplace_back();
        else
          cells.emplace_back(std::in_place, PQgetvalue(answer, row, column),
                             static_cast<std::size_t>(PQgetlength(answer, row, column)));
      }
      result.rows.emplace_back(std::move(cells));
    }
    return result;
  }

  Connection connection_;
};

}  // namespace

std::unique_ptr<Database> open_postgres(const std::string& address) {
  return std::make_unique<PostgresDatabase>(address);
}

}  // namespace dream::host::sql
