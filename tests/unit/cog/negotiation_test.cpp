#include "host/cog/negotiation.hpp"

#include <gtest/gtest.h>

namespace dream::host {
namespace {

Request with(const char* name, std::string value) {
  Request request;
  request.headers.emplace_back(name, std::move(value));
  return request;
}

TEST(Negotiation, AsyncIsAskedForByTheWholeHeader) {
  EXPECT_TRUE(responds_async(with("Prefer", "respond-async")));
  for (const char* other : {"", "respond-async, wait=5", "Respond-Async", "wait"})
    EXPECT_FALSE(responds_async(with("prefer", other))) << other;
  EXPECT_FALSE(responds_async({}));
}

TEST(Negotiation, EventStreamsAreAnyOfTheMediaTypes) {
  for (const char* accept : {"text/event-stream", "text/event-stream;q=0.9",
                             "application/json, text/event-stream", "*/*,text/event-stream"})
    EXPECT_TRUE(wants_event_stream(with("Accept", accept))) << accept;
  for (const char* accept : {"", "*/*", "text/*", "text/event-streams", "TEXT/EVENT-STREAM"})
    EXPECT_FALSE(wants_event_stream(with("accept", accept))) << accept;
}

TEST(Negotiation, PagesAreForBrowsers) {
  for (const char* accept :
       {"text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", "text/html",
        "application/json;q=0.5, text/html;q=0.8"})
    EXPECT_TRUE(wants_page(with("Accept", accept))) << accept;
  for (const char* accept : {"", "*/*", "application/json", "text/html;q=0",
                             "application/json, text/html;q=0.8"})
    EXPECT_FALSE(wants_page(with("Accept", accept))) << accept;
}

TEST(Negotiation, ExtraEventsAreNamedInTheQuery) {
  const auto read = [](const char* query, bool& sound) {
    Request request;
    request.query = query;
    ExtraEvents extras;
    sound = read_extra_events(request, extras);
    return extras;
  };
  bool sound = false;
  EXPECT_TRUE(read("events=progress", sound).progress && sound);
  EXPECT_TRUE(read("a=1&events=progress%2Cpreview", sound).preview && sound);
  EXPECT_FALSE(read("", sound).preview);
  EXPECT_TRUE(sound);
  read("events=progess", sound);
  EXPECT_FALSE(sound);
  read("events=", sound);
  EXPECT_FALSE(sound);
}

}  // namespace
}  // namespace dream::host
