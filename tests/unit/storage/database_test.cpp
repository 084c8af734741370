// The two databases behave alike where the tables rely on it.
#include "host/storage/database.hpp"

#include <vector>

#include "database_fixture.hpp"
#include "host/storage/schema.hpp"

namespace dream::host {
namespace {

class SqlTest : public DatabaseTest {
 protected:
  void SetUp() override {
    pool().with([](sql::Database& database) {
      database.run_script("CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT)");
    });
  }
  std::int64_t count() {
    return pool().with([](sql::Database& database) {
      return database.run("SELECT COUNT(*) FROM things").first()->integer(0);
    });
  }
};

TEST_P(SqlTest, GivesBackWhatWasStored) {
  const std::string odd = "a 'quoted' $1 ? \"text\"\nwith ünïcode 😀";
  pool().with([&](sql::Database& database) {
    database.run("INSERT INTO things VALUES ($2, $1)", odd, INT64_MAX);
    database.run("INSERT INTO things VALUES ($1, $2)", INT64_MIN, nullptr);
    database.run("INSERT INTO things VALUES ($1, $2)", 0, "");
    const auto found = database.run("SELECT id, name FROM things ORDER BY id");
    ASSERT_EQ(found.rows.size(), 3U);
    EXPECT_EQ(found.rows[0].integer(0), INT64_MIN);
    EXPECT_TRUE(found.rows[0].is_null(1));
    EXPECT_FALSE(found.rows[0].maybe_integer(1));
    EXPECT_EQ(found.rows[1].maybe_text(1), "");
    EXPECT_EQ(found.rows[2].text(1), odd);
    EXPECT_EQ(found.rows[2].integer(0), INT64_MAX);
  });
}

TEST_P(SqlTest, RefusesTextsThatOneOfThemCannotHold) {
  pool().with([](sql::Database& database) {
    for (const auto& bad : {std::string("a\0b", 3), std::string("\xff"),
                            std::string("\xed\xa0\x80")})
      EXPECT_THROW(database.run("INSERT INTO things VALUES (1, $1)", bad), sql::Error);
  });
  EXPECT_EQ(count(), 0);
}

TEST_P(SqlTest, UndoesATransactionThatThrows) {
  const auto work = [](sql::Database& database) {
    database.run("INSERT INTO things VALUES (1, 'one')");
    throw std::runtime_error("no");
  };
  EXPECT_THROW(pool().transact(work), std::runtime_error);
  EXPECT_EQ(count(), 0);
  const auto twice = [](sql::Database& database) {
    database.run("INSERT INTO things VALUES (2, 'two')");
    database.run("INSERT INTO things VALUES (2, 'again')");
  };
  try {
    pool().transact(twice);
    ADD_FAILURE() << "a key was taken twice";
  } catch (const sql::Error& error) {
    EXPECT_EQ(error.kind(), sql::Error::Kind::other) << error.what();
  }
  EXPECT_EQ(count(), 0);
  pool().transact([](sql::Database& database) {
    database.run("INSERT INTO things VALUES (2, 'two')");
  });
  EXPECT_EQ(count(), 1);
}

TEST_P(SqlTest, CountsWhatChanged) {
  pool().with([](sql::Database& database) {
    for (int i = 0; i < 3; ++i) database.run("INSERT INTO things VALUES ($1, 'x')", i);
    EXPECT_EQ(database.run("UPDATE things SET name = 'y' WHERE id > 0").changed, 2);
    EXPECT_EQ(database.run("UPDATE things SET name = 'y' WHERE id > 9").changed, 0);
    const auto inserted = database.run(
        "INSERT INTO things VALUES (1, 'z') ON CONFLICT (id) DO NOTHING");
    EXPECT_EQ(inserted.changed, 0);
    EXPECT_EQ(database.run("DELETE FROM things WHERE id = 1").changed, 1);
  });
}

// Read, add one, write: without turns one of two writers would overwrite the other.
TEST_P(SqlTest, LetsProcessesTakeTurns) {
  pool().with([](sql::Database& database) {
    database.run("INSERT INTO things VALUES (0, '0')");
  });
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) {
    children.push_back(start_process([](sql::Pool& own) {
      for (int turn = 0; turn < 40; ++turn) {
        own.transact([](sql::Database& database) {
          database.lock("things");
          const auto found = database.run("SELECT name FROM things WHERE id = 0");
          const int value = std::stoi(found.first()->text(0));
          database.run("UPDATE things SET name = $1 WHERE id = 0", std::to_string(value + 1));
        });
      }
      return true;
    }));
  }
  for (const pid_t child : children) EXPECT_TRUE(ended_well(child));
  pool().with([](sql::Database& database) {
    EXPECT_EQ(database.run("SELECT name FROM things WHERE id = 0").first()->text(0), "120");
  });
}

TEST_P(SqlTest, BringsTablesUpToDateOnceHoweverManyStart) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(start_process([](sql::Pool& own) {
      migrate(own);
      return true;
    }));
  }
  for (const pid_t child : children) EXPECT_TRUE(ended_well(child));
  pool().with([](sql::Database& database) { database.run("SELECT COUNT(*) FROM trainings"); });
}

TEST_P(SqlTest, LeavesALaterSchemaAlone) {
  pool().with([](sql::Database& database) {
    database.run("UPDATE schema_version SET seen = 999");
  });
  try {
    migrate(pool());
    ADD_FAILURE() << "a later schema was touched";
  } catch (const sql::Error& error) {
    EXPECT_EQ(error.kind(), sql::Error::Kind::newer);
    EXPECT_NE(std::string(error.what()).find("999"), std::string::npos) << error.what();
  }
}

ON_BOTH_DATABASES(SqlTest);

TEST(DatabaseAddress, IsOneOfTwoKinds) {
  for (const char* bad : {"", "sqlite:", "mysql://x", "/tmp/file"})
    EXPECT_THROW(sql::open_database(bad), std::invalid_argument) << bad;
}

TEST(DatabaseAddress, ThatNobodyAnswersShowsNoPassword) {
  try {
    sql::open_database("postgres://user:hunter2@127.0.0.1:1/name");
    ADD_FAILURE() << "somebody answered";
  } catch (const sql::Error& error) {
    EXPECT_EQ(error.kind(), sql::Error::Kind::connection);
    EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace dream::host
