// What every database of ours has: a log, privacy, errors that name the file, schema versions.
#include "host/storage/sqlite.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "tests/unit/temporary_folder.hpp"

namespace dream::host::sqlite {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 2> two_steps{
    "CREATE TABLE things (name TEXT NOT NULL UNIQUE, size INTEGER, body BLOB) STRICT",
    "ALTER TABLE things ADD COLUMN note TEXT"};

std::string text_of(Database& database, std::string_view sql) {
  auto statement = database.prepare(sql);
  return statement.step() ? statement.bytes(0) : "(no row)";
}

struct Sqlite : testing::Test {
  TemporaryFolder folder;
  fs::path file = folder.path() / "test.sqlite";
};

TEST_F(Sqlite, IsOpenedForOneOwnerWithALogThatIsOnTheDisk) {
  Database database(file);
  EXPECT_EQ(text_of(database, "PRAGMA journal_mode"), "wal");
  EXPECT_EQ(text_of(database, "PRAGMA synchronous"), "2");
  EXPECT_EQ(text_of(database, "PRAGMA foreign_keys"), "1");
  database.migrate(two_steps);
  for (const char* part : {"", "-wal", "-shm"}) {
    struct stat status {};
    ASSERT_EQ(::stat((file.string() + part).c_str(), &status), 0) << part;
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << part;
  }
}

TEST_F(Sqlite, KeepsEveryByte) {
  Database database(file);
  database.migrate(two_steps);
  const std::string odd("a\0b\xff'\n", 6);
  auto insert = database.prepare("INSERT INTO things (name, size, body, note) VALUES (?, ?, ?, ?)");
  insert.bind(1, "é😀").bind(2, std::int64_t{1} << 62).bind_blob(3, odd).bind_null(4).run();
  insert.bind(1, std::string("nul\0nul", 7)).bind(2, std::int64_t{-1}).bind_blob(3, {}).run();
  EXPECT_EQ(database.changes(), 1);
  auto rows = database.prepare("SELECT name, size, body, note FROM things ORDER BY rowid");
  ASSERT_TRUE(rows.step());
  EXPECT_EQ(rows.bytes(0), "é😀");
  EXPECT_EQ(rows.integer(1), std::int64_t{1} << 62);
  EXPECT_EQ(rows.bytes(2), odd);
  EXPECT_TRUE(rows.is_null(3));
  ASSERT_TRUE(rows.step());
  EXPECT_EQ(rows.bytes(0), std::string("nul\0nul", 7));
  EXPECT_EQ(rows.bytes(2), "");
  EXPECT_FALSE(rows.is_null(2));
  EXPECT_FALSE(rows.step());
}

TEST_F(Sqlite, AnErrorNamesTheFileAndLeavesTheDatabaseUsable) {
  Database database(file);
  database.migrate(two_steps);
  database.execute("INSERT INTO things (name) VALUES ('one')");
  auto again = database.prepare("INSERT INTO things (name) VALUES (?)");
  try {
    again.bind(1, "one").run();
    FAIL() << "a name twice";
  } catch (const Error& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with(file.string() + ": UNIQUE")) << error.what();
    EXPECT_FALSE(error.is_damage());
  }
  again.bind(1, "two").run();
  EXPECT_EQ(text_of(database, "SELECT count(*) FROM things"), "2");
  EXPECT_THROW(database.prepare("SELECT nothing FROM nowhere"), Error);
  EXPECT_THROW(again.bind(2, "x"), Error);
}

TEST_F(Sqlite, ATransactionIsDoneWholeOrNotAtAll) {
  Database database(file);
  database.migrate(two_steps);
  {
    Transaction undone(database);
    database.execute("INSERT INTO things (name) VALUES ('undone')");
  }
  {
    Transaction done(database);
    database.execute("INSERT INTO things (name) VALUES ('done')");
    done.commit();
  }
  EXPECT_EQ(text_of(database, "SELECT group_concat(name) FROM things"), "done");
}

TEST_F(Sqlite, RunsTheStepsItHasNotSeen) {
  {
    Database database(file);
    database.migrate(std::span(two_steps).first(1));
    database.execute("INSERT INTO things (name) VALUES ('old')");
  }
  Database database(file);
  database.migrate(two_steps);
  database.migrate(two_steps);
  EXPECT_EQ(text_of(database, "SELECT name FROM things WHERE note IS NULL"), "old");
  EXPECT_EQ(text_of(database, "PRAGMA user_version"), "2");
  const std::array<const char*, 3> broken{two_steps[0], two_steps[1],
                                          "CREATE TABLE more (x); CREATE TABLE more (x)"};
  EXPECT_THROW(database.migrate(broken), Error);
  EXPECT_EQ(text_of(database, "PRAGMA user_version"), "2");
  EXPECT_EQ(text_of(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'more'"), "0");
}

TEST_F(Sqlite, LeavesTheFileOfALaterVersionAlone) {
  Database database(file);
  database.migrate(two_steps);
  try {
    database.migrate(std::span(two_steps).first(1));
    FAIL() << "a later schema was taken";
  } catch (const NewerSchema& newer) {
    EXPECT_EQ(std::string(newer.what()),
              file.string() +
                  ": its schema is version 2, of a later version of this program; "
                  "this one knows 1");
  }
}

TEST_F(Sqlite, KnowsDamageFromOtherTrouble) {
  folder.write("test.sqlite", std::string(8192, 'x'));
  try {
    Database database(file);
    FAIL() << "opened what is no database";
  } catch (const Error& error) {
    EXPECT_TRUE(error.is_damage()) << error.what();
  }
  try {
    Database database(folder.path() / "missing" / "test.sqlite");
    FAIL() << "opened in a folder that is missing";
  } catch (const Error& error) {
    EXPECT_FALSE(error.is_damage()) << error.what();
    EXPECT_NE(std::string(error.what()).find("No such file or directory"), std::string::npos);
  }
}

TEST_F(Sqlite, FindsDamageInside) {
  {
    Database database(file);
    database.migrate(two_steps);
    for (int i = 0; i < 500; ++i)
      database.execute("INSERT INTO things (name) VALUES ('" + std::string(40, 'n') +
                       std::to_string(i) + "')");
    database.verify();
  }
  {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(4096 * 3);
    stream << std::string(4096, '\x5a');
  }
  try {
    Database database(file);
    database.verify();
    FAIL() << "not found";
  } catch (const Error& error) {
    EXPECT_TRUE(error.is_damage()) << error.what();
  }
}

TEST_F(Sqlite, AFullDiskIsAnErrorThatPasses) {
  Database database(file);
  database.migrate(two_steps);
  database.execute("PRAGMA max_page_count = 20");
  auto insert = database.prepare("INSERT INTO things (name, body) VALUES ('large', ?)");
  const std::string large(200'000, 'x');
  try {
    insert.bind_blob(1, large).run();
    FAIL() << "written beyond the limit";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("full"), std::string::npos) << error.what();
    EXPECT_FALSE(error.is_damage());
  }
  database.execute("PRAGMA max_page_count = 1000");
  insert.bind_blob(1, large).run();
  EXPECT_EQ(text_of(database, "SELECT length(body) FROM things"), "200000");
}

}  // namespace
}  // namespace dream::host::sqlite
