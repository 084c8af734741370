#include "database_fixture.hpp"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

#include "host/storage/schema.hpp"

namespace dream::host {
namespace {

// One server for the whole program, started by the first test that needs it.
class Cluster {
 public:
  static Cluster& get() {
    static Cluster cluster;
    return cluster;
  }

  std::string new_database() {
    const std::string name = fmt::format("test_{}", ++count_);
    sql::open_database(address("postgres"))->run_script("CREATE DATABASE " + name);
    return address(name);
  }

 private:
  Cluster() : folder_(fmt::format("/tmp/dream-postgres-{}", ::getpid())) {
    const std::string command = fmt::format("{} {}", POSTGRES_CLUSTER, folder_);
    stdin_ = ::popen(command.c_str(), "we");
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!answers()) {
      if (std::chrono::steady_clock::now() > end)
        throw std::runtime_error("PostgreSQL does not start: see " + folder_ + ".log");
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  ~Cluster() { ::pclose(stdin_); }

  std::string address(const std::string& name) const {
    return fmt::format("postgres:host={} user=dream dbname={}", folder_, name);
  }
  bool answers() const {
    try {
      return sql::open_database(address("postgres"))->usable();
    } catch (const sql::Error&) {
      return false;
    }
  }

  std::string folder_;
  std::FILE* stdin_ = nullptr;
  int count_ = 0;
};

}  // namespace

DatabaseTest::DatabaseTest()
    : address_(GetParam() == Engine::sqlite
                   ? "sqlite:" + (folder_.path() / "platform.sqlite").string()
                   : Cluster::get().new_database()),
      pool_(std::make_unique<sql::Pool>(address_)) {
  migrate(*pool_);
}

std::string engine_name(const testing::TestParamInfo<Engine>& info) {
  return info.param == Engine::sqlite ? "sqlite" : "postgres";
}

}  // namespace dream::host

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
