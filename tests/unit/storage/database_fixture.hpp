// Every test of this folder runs on SQLite and on PostgreSQL, each time in a database of its own.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "host/storage/database.hpp"
#include "temporary_folder.hpp"

namespace dream::host {

enum class Engine { sqlite, postgres };

class DatabaseTest : public testing::TestWithParam<Engine> {
 protected:
  DatabaseTest();
  const std::string& address() const { return address_; }
  sql::Pool& pool() { return *pool_; }
  // Starts another process that runs work(pool) with a pool of its own.
  template <typename Work>
  pid_t start_process(Work&& work) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    int code = 1;
    try {
      sql::Pool own(address_);
      code = work(own) ? 0 : 1;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    ::_exit(code);
  }
  // Waits for it; true if its work returned true.
  static bool ended_well(pid_t child) {
    int status = 0;
    return ::waitpid(child, &status, 0) == child && status == 0;
  }

  TemporaryFolder folder_;

 private:
  std::string address_;
  std::unique_ptr<sql::Pool> pool_;  // with all tables
};

std::string engine_name(const testing::TestParamInfo<Engine>& info);

#define ON_BOTH_DATABASES(suite)                                                          \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::Values(Engine::sqlite, Engine::postgres), \
                           engine_name)

}  // namespace dream::host
