// What the stream of a prediction tells when it is put back and runs again.
#include "host/platform/stream_source.hpp"

#include <gtest/gtest.h>

#include "host/storage/blob_rows.hpp"
#include "temporary_folder.hpp"

namespace dream::host {
namespace {

TEST(StreamSourceTest, TellsARunThatBeginsAgainFromItsBeginning) {
  const TemporaryFolder folder;
  PlatformOptions options;
  options.data = folder.path();
  PlatformCore core(options, nullptr);
  NewStoredPrediction wanted;
  wanted.id = "one";
  wanted.account = wanted.model_owner = "anna";
  wanted.model_name = "me";
  wanted.version = std::string(64, 'a');
  wanted.kind = {"texts", std::string(64, 'b')};
  wanted.input = "{}";
  announce_blob(core.pool, {wanted.kind.weights, 1}, 0);
  ASSERT_TRUE(core.predictions.create(wanted, 0));
  const StreamSource source = prediction_source(core, "one", "", "http://x");
  const auto has = [](const StreamNews& news, const std::string& data) {
    return news.events.find("data: " + data + "\n") != std::string::npos;
  };
  constexpr Micros lease = 60'000'000;
  auto& queue = core.prediction_queue;
  ASSERT_TRUE(queue.claim(wanted.kind, "p", lease));
  ASSERT_TRUE(queue.progress("one", 1, {R"(["a","b"])", "first run\n"}));
  const StreamNews first = source();
  EXPECT_TRUE(has(first, "a") && has(first, "b") && has(first, "first run")) << first.events;
  ASSERT_TRUE(queue.put_back("one", 1));
  EXPECT_EQ(source().events, "");
  ASSERT_TRUE(queue.claim(wanted.kind, "p", lease));
  ASSERT_TRUE(queue.progress("one", 1, {R"(["c","d","e"])", "second run\n"}));
  const StreamNews second = source();
  EXPECT_TRUE(has(second, "c") && has(second, "d") && has(second, "e")) << second.events;
  EXPECT_TRUE(has(second, "second run")) << second.events;
}

}  // namespace
}  // namespace dream::host
