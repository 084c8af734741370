// Families that are read off at a scrape, in the text that Prometheus gets.
#include "host/telemetry/families.hpp"

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

namespace dream::host {
namespace {

std::string text(Families& families) {
  return prometheus::TextSerializer().Serialize(families.take());
}

TEST(Families, AreWrittenInOrder) {
  Families families;
  families.gauge("dream_a_bytes", "A size.");
  families.sample({}, 3e9);
  families.sample({{"kind", "x"}}, 0.25);
  families.counter("dream_b_total", "A count.");
  families.sample({{"one", "1"}, {"two", "2"}}, 7);
  EXPECT_EQ(text(families),
            "# HELP dream_a_bytes A size.\n"
            "# TYPE dream_a_bytes gauge\n"
            "dream_a_bytes 3000000000\n"
            "dream_a_bytes{kind=\"x\"} 0.25\n"
            "# HELP dream_b_total A count.\n"
            "# TYPE dream_b_total counter\n"
            "dream_b_total{one=\"1\",two=\"2\"} 7\n");
  EXPECT_EQ(text(families), "");
}

TEST(Families, WithoutASampleAreLeftOut) {
  Families families;
  families.gauge("dream_a", "Nothing to say.");
  EXPECT_TRUE(families.take().empty());
}

TEST(Families, LabelsMayHoldAnything) {
  Families families;
  families.gauge("dream_a", "Names of files.");
  families.sample({{"name", "a\"b\\c\nd\xFF"}}, 1);
  EXPECT_NE(text(families).find("{name=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\"} 1\n"), std::string::npos);
}

}  // namespace
}  // namespace dream::host
