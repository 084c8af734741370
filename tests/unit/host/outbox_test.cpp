// What the outbox keeps over the end of a process, and what it says when it cannot.
#include "host/storage/outbox.hpp"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "host/storage/sqlite.hpp"
#include "tests/unit/temporary_folder.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

std::string finished(const std::string& body) {
  return body + " stopped";
}

struct OutboxTest : testing::Test {
  OutboxTest() {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(said)));
  }
  ~OutboxTest() override { spdlog::set_default_logger(before); }

  std::size_t times_said(const std::string& text) const {
    const std::string all = said.str();
    std::size_t count = 0;
    for (std::size_t at = 0; (at = all.find(text, at)) != std::string::npos; ++at) ++count;
    return count;
  }
  std::vector<std::string> ids_of(const std::vector<Outbox::Waiting>& waiting) const {
    std::vector<std::string> ids;
    for (const auto& one : waiting) ids.push_back(one.entry.id);
    return ids;
  }
  void damage(std::streamoff at, std::size_t size) const {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(at);
    stream << std::string(size, '\x5a');
  }
  std::vector<std::string> set_aside() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder.path())) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("outbox.sqlite.damaged-") && !name.ends_with("-wal") &&
          !name.ends_with("-shm"))
        names.push_back(name);
    }
    return names;
  }

  TemporaryFolder folder;
  fs::path file = folder.path() / "outbox.sqlite";
  std::shared_ptr<spdlog::logger> before = spdlog::default_logger();
  std::ostringstream said;
  Outbox::Time now = std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
};

TEST_F(OutboxTest, KeepsWhatWasLeftInItsOrder) {
  {
    Outbox outbox(folder.path());
    EXPECT_TRUE(outbox.recover(finished).empty());
    EXPECT_TRUE(outbox.keep({"1", "a", "http://h/?q=1", "trace", "state"}, "runs", std::nullopt));
    EXPECT_TRUE(outbox.keep({"2", "b", "http://h"}, "runs", std::nullopt));
    EXPECT_TRUE(outbox.keep({"3", "a", "http://h"}, "runs", std::nullopt));
    EXPECT_TRUE(outbox.keep({"1", "a", "http://h/?q=1", "trace", "state"}, "done", now));
    EXPECT_TRUE(outbox.keep({"4", "c", "http://h"}, "gone", now));
    outbox.remove("4");
    outbox.remove("never there");
    EXPECT_EQ(outbox.size(), 3U);
    EXPECT_EQ(outbox.body("1"), "done");
    EXPECT_EQ(outbox.body("4"), std::nullopt);
  }
  for (int start = 0; start < 2; ++start) {  // the second finds what the first left
    Outbox outbox(folder.path());
    const auto waiting = outbox.recover(finished);
    ASSERT_EQ(ids_of(waiting), (std::vector<std::string>{"1", "2", "3"}));
    EXPECT_EQ(waiting[0].entry.subject, "a");
    EXPECT_EQ(waiting[0].entry.url, "http://h/?q=1");
    EXPECT_EQ(waiting[0].entry.traceparent, "trace");
    EXPECT_EQ(waiting[0].entry.tracestate, "state");
    EXPECT_EQ(waiting[0].due, now);
    EXPECT_GE(waiting[1].due, now);
    EXPECT_EQ(outbox.body("1"), "done");
    EXPECT_EQ(outbox.body("2"), "runs stopped");
  }
  EXPECT_EQ(said.str(), "");
}

TEST_F(OutboxTest, DropsWhatCannotBeFinished) {
  {
    Outbox outbox(folder.path());
    outbox.keep({"1", "a", "u"}, "bad", std::nullopt);
    outbox.keep({"2", "b", "u"}, "good", std::nullopt);
  }
  Outbox outbox(folder.path());
  const auto finish = [](const std::string& body) {
    return body == "bad" ? throw std::invalid_argument("it is not a prediction") : body;
  };
  EXPECT_EQ(ids_of(outbox.recover(finish)), (std::vector<std::string>{"2"}));
  EXPECT_EQ(times_said("cannot be read and is dropped: it is not a prediction"), 1U);
  EXPECT_EQ(outbox.size(), 1U);
}

TEST_F(OutboxTest, TakesLargeAndOddBodies) {
  Outbox outbox(folder.path());
  std::string large(20'000'000, 'x');
  large[77] = '\0';
  EXPECT_TRUE(outbox.keep({"1", std::string("a\0b\xff", 4), ""}, large, now));
  EXPECT_TRUE(outbox.keep({"2", "", ""}, "", now));
  EXPECT_EQ(outbox.body("1"), large);
  EXPECT_EQ(outbox.body("2"), "");
}

TEST_F(OutboxTest, ServesThreads) {
  Outbox outbox(folder.path());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&outbox, t, this] {
      for (int i = 0; i < 20; ++i) {
        const std::string id = std::to_string(t) + "-" + std::to_string(i);
        EXPECT_TRUE(outbox.keep({id, id, "u"}, "runs", std::nullopt));
        EXPECT_TRUE(outbox.keep({id, id, "u"}, id, now));
        EXPECT_EQ(outbox.body(id), id);
        if (i % 2 == 0) outbox.remove(id);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(outbox.size(), 40U);
}

TEST_F(OutboxTest, SetsADamagedFileAside) {
  for (const std::string& content : {std::string(9000, 'x'), std::string("short")}) {
    folder.write("outbox.sqlite", content);
    {
      Outbox outbox(folder.path());
      EXPECT_TRUE(outbox.recover(finished).empty());
      EXPECT_TRUE(outbox.keep({"1", "a", "u"}, "b", now));
    }
    ASSERT_EQ(set_aside().size(), 1U);
    std::ifstream kept(folder.path() / set_aside()[0]);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(kept), {}), content);
    fs::remove(folder.path() / set_aside()[0]);
    fs::remove(file);
  }
  EXPECT_EQ(times_said("the outbox is damaged ("), 2U);
  EXPECT_EQ(times_said("webhooks that waited in it will not be sent"), 2U);
}

TEST_F(OutboxTest, SetsAFileAsideThatIsDamagedInside) {
  {
    Outbox outbox(folder.path());
    for (int i = 0; i < 400; ++i) outbox.keep({std::to_string(i), "a", "u"}, "body", now);
  }
  damage(4096 * 2, 8192);
  Outbox outbox(folder.path());
  outbox.recover(finished);
  EXPECT_TRUE(outbox.keep({"new", "a", "u"}, "b", now));
  EXPECT_EQ(outbox.body("new"), "b");
  EXPECT_EQ(set_aside().size(), 1U) << said.str();
}

TEST_F(OutboxTest, LeavesTheFileOfALaterVersionAlone) {
  {
    Outbox outbox(folder.path());
    outbox.keep({"1", "a", "u"}, "b", now);
  }
  sqlite::Database(file).execute("PRAGMA user_version = 7");
  {
    Outbox outbox(folder.path());
    EXPECT_TRUE(outbox.recover(finished).empty());
    EXPECT_FALSE(outbox.keep({"2", "a", "u"}, "b", now));
    EXPECT_EQ(outbox.body("1"), std::nullopt);
    outbox.remove("1");
    EXPECT_EQ(outbox.size(), 0U);
  }
  EXPECT_EQ(times_said("its schema is version 7, of a later version of this program"), 1U);
  sqlite::Database(file).execute("PRAGMA user_version = 1");
  Outbox outbox(folder.path());
  EXPECT_EQ(outbox.size(), 1U);
}

TEST_F(OutboxTest, GoesOnWithoutAPlaceToWriteAndComesBack) {
  const fs::path absent = folder.path() / "absent";
  Outbox outbox(absent);
  EXPECT_FALSE(outbox.keep({"1", "a", "u"}, "b", now));
  EXPECT_FALSE(outbox.keep({"2", "a", "u"}, "b", now));
  EXPECT_EQ(times_said("the outbox cannot be used"), 1U);  // not once for each
  EXPECT_EQ(times_said("may get lost"), 1U);
  fs::create_directory(absent);
  for (int i = 0; i < 80 && !outbox.keep({"3", "a", "u"}, "b", now); ++i)
    std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(outbox.body("3"), "b");
  EXPECT_EQ(times_said("the outbox can be used again"), 1U);
}

TEST_F(OutboxTest, RemovesLaterWhatCouldNotBeRemoved) {
  Outbox outbox(folder.path());
  outbox.keep({"1", "a", "u"}, "b", now);
  {
    sqlite::Database other(file);
    sqlite::Transaction holds_the_file(other);
    outbox.remove("1");  // waits in vain for the other
    EXPECT_EQ(outbox.size(), 1U);
  }
  EXPECT_TRUE(outbox.keep({"2", "a", "u"}, "b", now));
  EXPECT_EQ(outbox.body("1"), std::nullopt);
  EXPECT_EQ(outbox.size(), 1U);
  EXPECT_EQ(times_said("locked"), 1U);
}

}  // namespace
}  // namespace dream::host
