// The cache of what requests name by URL: when it asks, what it keeps, and what it lets go.
#include "host/downloads/download_cache.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "file_server.hpp"
#include "host/downloads/cache_room.hpp"
#include "weights/sha256.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string sha256(const std::string& text) {
  weights::Sha256 digest;
  digest.update(std::as_bytes(std::span(text)));
  return digest.finish();
}

class DownloadCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "dream_cache_XXXXXX";
    folder_ = mkdtemp(pattern.data());
    server_.set({.content = "first content"});
  }
  void TearDown() override { fs::remove_all(folder_); }

  DownloadCache make(std::uint64_t most_bytes = 1 << 30) {
    return DownloadCache({.folder = folder_, .most_bytes = most_bytes});
  }
  CacheReply fetch(DownloadCache& cache, const std::string& path = "/w.bin") {
    CacheRequest request;
    request.url = server_.url(path);
    return cache.fetch(request);
  }
  std::string refusal(DownloadCache& cache, const std::string& path = "/w.bin") {
    try {
      fetch(cache, path);
      return "fetched";
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  }
  std::size_t partials() const {
    return cache_entries({folder_}, CachePart::partial).size();
  }

  FileServer server_;
  fs::path folder_;
};

TEST_F(DownloadCacheTest, FetchesOnceWhileTheVersionStays) {
  auto cache = make();
  const auto miss = fetch(cache);
  EXPECT_FALSE(miss.hit);
  EXPECT_EQ(read(miss.file.path()), "first content");
  EXPECT_EQ(miss.file.path().filename(), "w.bin");
  EXPECT_EQ(miss.file.sha256(), sha256("first content"));
  EXPECT_TRUE(fetch(cache).hit);
  auto later = make();  // another process
  EXPECT_TRUE(fetch(later).hit);
  EXPECT_EQ(server_.bodies(), 1);
  server_.set({.content = "other content", .headers = "ETag: \"two\"\r\n"});
  const auto changed = fetch(cache);
  EXPECT_FALSE(changed.hit);
  EXPECT_EQ(read(changed.file.path()), "other content");
  EXPECT_EQ(read(miss.file.path()), "first content") << "in use, so it stays";
  EXPECT_EQ(partials(), 0U);
}

TEST_F(DownloadCacheTest, KnowsVersionsByWeakETagAndDate) {
  for (const char* headers :
       {"ETag: W/\"a\"\r\n", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"}) {
    for (const bool ranges : {true, false}) {
      server_.set({.content = headers, .headers = headers, .ranges = ranges});
      auto cache = make();
      const std::string path = "/" + sha256(headers) + (ranges ? "r" : "w");
      fetch(cache, path);
      EXPECT_TRUE(fetch(cache, path).hit) << headers;
    }
  }
  server_.set({.content = "x", .headers = ""});
  auto cache = make();
  EXPECT_FALSE(fetch(cache, "/none").hit);
  EXPECT_FALSE(fetch(cache, "/none").hit) << "without a validator it may be another file";
  EXPECT_EQ(cache.usage().files, 3U) << "the same content is kept once";
}

TEST_F(DownloadCacheTest, SameContentUnderTwoUrlsIsOneFileWithTwoNames) {
  auto cache = make();
  const auto one = fetch(cache, "/one.bin"), two = fetch(cache, "/two.bin?x=1");
  EXPECT_EQ(one.file.path().parent_path(), two.file.path().parent_path());
  EXPECT_EQ(two.file.path().filename(), "two.bin");
  EXPECT_EQ(cache.usage().bytes, 13U);
  server_.set({.content = "first content",
               .headers = "ETag: \"3\"\r\n"
                          "Content-Disposition: attachment; filename=\"a b.pt\"\r\n"});
  EXPECT_EQ(fetch(cache, "/api/123").file.path().filename(), "a b.pt");
}

TEST_F(DownloadCacheTest, ConcurrentRequestsDownloadOnce) {
  for (const char* headers : {"ETag: \"one\"\r\n", ""}) {
    server_.set({.content = std::string("slow") + headers,
                 .headers = headers,
                 .pause = std::chrono::milliseconds(300)});
    auto first = make(), second = make();  // two processes
    const int before = server_.bodies();
    std::atomic<int> misses = 0;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 8; ++i)
        threads.emplace_back([&, i] {
          if (!fetch(i % 2 == 0 ? first : second, "/slow").hit) ++misses;
        });
    }
    EXPECT_EQ(misses, 1);
    // Without ranges or validators, the question itself may begin a body.
    EXPECT_EQ(server_.bodies() - before, 1);
  }
  EXPECT_EQ(partials(), 0U);
}

TEST_F(DownloadCacheTest, TheLeastRecentlyUsedGoesAndWhatIsInUseStays) {
  auto cache = make(25);  // two of ten bytes
  const auto put = [&](const std::string& name) {
    server_.set({.content = (name + "..........").substr(0, 10)});
    auto reply = fetch(cache, "/" + name);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // ages differ
    return reply;
  };
  put("a");
  put("b");
  EXPECT_TRUE(put("a").hit);
  put("c");  // b goes
  EXPECT_TRUE(put("a").hit);
  EXPECT_FALSE(put("b").hit);
  EXPECT_LE(cache.usage().bytes, 25U);
  {
    const auto held = put("x"), too = put("y");
    server_.set({.content = "0123456789"});
    EXPECT_NE(refusal(cache, "/z").find("is full of files in use"), std::string::npos);
    EXPECT_EQ(read(held.file.path()), "x.........");
    EXPECT_EQ(partials(), 0U);
  }
  EXPECT_FALSE(put("z").hit);
  server_.set({.content = std::string(26, 'x')});
  EXPECT_NE(refusal(cache, "/large").find("allowed are"), std::string::npos);
  EXPECT_EQ(cache.usage().files, 2U);
}

TEST_F(DownloadCacheTest, ContentThatRottedIsFetchedAgain) {
  fs::path path;
  {
    auto cache = make();
    path = fetch(cache).file.path();
  }
  std::ofstream(path) << "first kontent";
  auto cache = make();
  const auto again = fetch(cache);
  EXPECT_FALSE(again.hit);
  EXPECT_EQ(read(again.file.path()), "first content");
}

TEST_F(DownloadCacheTest, AServerThatIsGoneIsAnsweredForByTheCache) {
  auto cache = make();
  fetch(cache);
  server_.set({.content = "", .status = 503});
  const auto stale = fetch(cache);
  EXPECT_TRUE(stale.hit && stale.stale);
  EXPECT_NE(stale.summary().find("cannot be asked"), std::string::npos);
  server_.set({.content = "", .status = 404});
  EXPECT_NE(refusal(cache).find("the server answered 404"), std::string::npos);
  server_.stop();
  EXPECT_TRUE(fetch(cache).stale);
}

TEST_F(DownloadCacheTest, ADigestThatIsAskedForIsKeptTo) {
  auto cache = make();
  CacheRequest request;
  request.url = server_.url();
  request.sha256 = sha256("first content");
  EXPECT_FALSE(cache.fetch(request).hit);
  const int before = server_.requests();
  EXPECT_TRUE(cache.fetch(request).hit);
  EXPECT_EQ(server_.requests(), before) << "nothing to ask";
  request.sha256 = sha256("other");
  EXPECT_THROW(cache.fetch(request), std::runtime_error);
  EXPECT_EQ(partials(), 0U);
}

TEST_F(DownloadCacheTest, ACutDownloadGoesOnAndCanBeCanceled) {
  const std::string content(100'000, 'c');
  server_.set({.content = content, .headers = "ETag: W/\"a\"\r\n", .cut_after = 60'000});
  auto cache = make();
  std::atomic<bool> canceled = false;
  CacheRequest request;
  request.url = server_.url();
  request.canceled = &canceled;
  request.progress = [&](std::uint64_t there, std::uint64_t) {
    if (there > 0) canceled = true;
  };
  EXPECT_THROW(cache.fetch(request), std::runtime_error);
  EXPECT_EQ(partials(), 1U) << "what came is kept";
  server_.set({.content = content, .headers = "ETag: W/\"a\"\r\n"});
  EXPECT_EQ(read(fetch(cache).file.path()), content);
  EXPECT_EQ(partials(), 0U);
}

TEST_F(DownloadCacheTest, AnUnfinishedDownloadOfAnotherUrlMakesRoom) {
  fs::create_directories(CacheFolder{folder_}.partial("dead"));
  std::ofstream(CacheFolder{folder_}.partial("dead") / "file.partial") << std::string(90, 'x');
  std::ofstream(CacheFolder{folder_}.partial("dead") / "lock");
  auto cache = make(100);
  EXPECT_FALSE(fetch(cache).hit);
  EXPECT_EQ(partials(), 0U);
}

TEST_F(DownloadCacheTest, AddressesAreRefusedByTheRule) {
  DownloadCache cache({.folder = folder_, .addresses = AddressRule::public_only});
  const std::string said = refusal(cache);
  EXPECT_NE(said.find("127.0.0.1 is an address of this machine"), std::string::npos) << said;
  EXPECT_NE(said.find("--allow-private-urls"), std::string::npos);
  EXPECT_EQ(server_.requests(), 0);
}

}  // namespace
}  // namespace dream::host
