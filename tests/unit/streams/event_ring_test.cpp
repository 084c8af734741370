#include "host/streams/event_ring.hpp"

#include <gtest/gtest.h>

#include "host/streams/server_sent_event.hpp"

namespace dream::host {
namespace {

TEST(EventRing, NumbersGoOnWhileOldEventsLeave) {
  EventRing ring(3, 1000);
  EXPECT_EQ(ring.begin(), 0U);
  EXPECT_EQ(ring.end(), 0U);
  for (const char* event : {"a", "b", "c", "d", "e"}) ring.push(event);
  EXPECT_EQ(ring.begin(), 2U);
  EXPECT_EQ(ring.end(), 5U);
  EXPECT_EQ(*ring.at(2), "c");
  EXPECT_EQ(*ring.at(4), "e");
}

TEST(EventRing, BytesAreBoundedButTheNewestEventStays) {
  EventRing ring(100, 10);
  ring.push("1234");
  ring.push("5678");
  EXPECT_EQ(ring.begin(), 0U);
  ring.push("90ab");
  EXPECT_EQ(ring.begin(), 1U);
  ring.push(std::string(1000, 'x'));
  EXPECT_EQ(ring.begin(), 3U);
  EXPECT_EQ(ring.end(), 4U);
  ring.push("z");
  EXPECT_EQ(ring.begin(), 4U);
  EXPECT_EQ(*ring.at(4), "z");
}

TEST(EventRing, AnEventThatLeftLivesOnWithItsReader) {
  EventRing ring(1, 10);
  ring.push("kept");
  const auto event = ring.at(0);
  ring.push("next");
  EXPECT_EQ(*event, "kept");
}

TEST(ServerSentEvent, IsANameAndOneLineOfSortedCompactJson) {
  EXPECT_EQ(server_sent_event("output", {{"index", 0}, {"chunk", "a\nb"}}),
            "event: output\ndata: {\"chunk\":\"a\\nb\",\"index\":0}\n\n");
  EXPECT_EQ(server_sent_event("log", {{"data", "\xFF"}}),
            "event: log\ndata: {\"data\":\"\xEF\xBF\xBD\"}\n\n");
}

}  // namespace
}  // namespace dream::host
