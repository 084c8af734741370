// The small helpers of the host.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "host/base/base64.hpp"
#include "host/base/ids.hpp"
#include "host/base/logging.hpp"
#include "host/base/mime.hpp"
#include "host/base/paths.hpp"
#include "host/base/text.hpp"
#include "host/base/time.hpp"

namespace dream::host {
namespace {

using std::literals::operator""s;

TEST(Base64, EncodesTheVectorsOfTheRfc) {
  EXPECT_EQ(base64_encode(""), "");
  EXPECT_EQ(base64_encode("f"), "Zg==");
  EXPECT_EQ(base64_encode("fo"), "Zm8=");
  EXPECT_EQ(base64_encode("foo"), "Zm9v");
  EXPECT_EQ(base64_encode("foob"), "Zm9vYg==");
  EXPECT_EQ(base64_encode("\xFB\xEF\xFF"s), "++//");
}

TEST(Base64, DecodesWhatItEncodes) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes) << i;
    bytes += static_cast<char>(i * 7);
  }
}

TEST(Base64, ForgivesWhatBrowsersDo) {
  EXPECT_EQ(base64_decode("Zm9v\nYg =="), "foob");
  EXPECT_EQ(base64_decode("Zm9vYg"), "foob");
  EXPECT_EQ(base64_decode("--__"), "\xFB\xEF\xFF"s);
}

TEST(Base64, RefusesTheRest) {
  for (const char* text :
       {"Z", "Zm9vY", "Zm9v!", "Zg=a", "Zg===", "Zm9v=", "====", "Zg=", "\xC3\xA9"})
    EXPECT_EQ(base64_decode(text), std::nullopt) << text;
}

using Time = std::chrono::system_clock::time_point;

TEST(Time, IsRfc3339WithMicroseconds) {
  using std::chrono::microseconds;
  const Time time{std::chrono::seconds(1705314600) + microseconds(123456)};
  EXPECT_EQ(rfc3339(time), "2024-01-15T10:30:00.123456+00:00");
  EXPECT_EQ(rfc3339(Time(microseconds(-1))), "1969-12-31T23:59:59.999999+00:00");
}

TEST(Time, NeverRunsBackwards) {
  using std::chrono::milliseconds;
  const Time time{std::chrono::seconds(10)};
  EXPECT_DOUBLE_EQ(seconds_between(time, time + milliseconds(1500)), 1.5);
  EXPECT_DOUBLE_EQ(seconds_between(time, time - milliseconds(1500)), 0);
}

TEST(Ids, AreShortSafeAndDifferent) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(new_id());
  EXPECT_EQ(ids.size(), 1000U);
  EXPECT_EQ(ids.begin()->size(), 26U);
  for (const auto& id : ids)
    EXPECT_EQ(id.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567"), std::string::npos);
}

TEST(Mime, ByExtensionAndBack) {
  EXPECT_EQ(media_type_of("a/b.PNG"), "image/png");
  EXPECT_EQ(media_type_of("x.jpeg"), "image/jpeg");
  EXPECT_EQ(media_type_of("x.strange"), "application/octet-stream");
  EXPECT_EQ(media_type_of("x"), "application/octet-stream");
  EXPECT_EQ(extension_of("image/jpeg"), ".jpg");
  EXPECT_EQ(extension_of(" Image/PNG ; charset=utf-8"), ".png");
  EXPECT_EQ(extension_of("x/y"), "");
}

TEST(Text, BecomesValidUtf8) {
  EXPECT_EQ(valid_utf8("plain ä € 🦊"), "plain ä € 🦊");
  EXPECT_EQ(valid_utf8("a\xFF"
                       "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(valid_utf8("\xC3"), "\xEF\xBF\xBD");                  // cut off
  EXPECT_EQ(valid_utf8("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");  // overlong
  EXPECT_EQ(valid_utf8("\xED\xA0\x80").size(), 9U);               // a surrogate
  EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80").size(), 12U);          // above U+10FFFF
}

TEST(Logging, RefusesAnUnknownLevel) {
  EXPECT_THROW(set_up_logging(LogFormat::text, "loud"), std::invalid_argument);
}

TEST(Paths, ThePrefixHoldsTheProgramsFolder) {
  EXPECT_EQ(worker_program(), install_prefix() / "bin" / "dream-worker");
}

TEST(Text, ReadsListsAndNumbers) {
  EXPECT_EQ(trimmed("  a b "), "a b");
  EXPECT_EQ(trimmed("\ta", " \t"), "a");
  EXPECT_EQ(trimmed("\ta"), "\ta");
  EXPECT_EQ(trimmed("   "), "");
  EXPECT_EQ(lower("Text/HTML"), "text/html");
  std::vector<std::string> parts;
  const auto keep = [&](std::string_view part) { return parts.emplace_back(part) == "stop"; };
  EXPECT_FALSE(any_part("a,,b", ',', keep));
  EXPECT_FALSE(any_part("", ',', keep));
  EXPECT_TRUE(any_part("stop,c", ',', keep));
  EXPECT_EQ(parts, (std::vector<std::string>{"a", "", "b", "", "stop"}));
  EXPECT_EQ(parse_number<int>("12"), 12);
  EXPECT_EQ(parse_number<double>("-1.5"), -1.5);
  for (const char* text : {"", "+1", " 1", "1 ", "1x", "99999999999"})
    EXPECT_FALSE(parse_number<int>(text)) << text;
}

TEST(Time, ShowsSecondsInMessages) {
  EXPECT_EQ(seconds_text(std::chrono::milliseconds(1500)), "1.5 s");
  EXPECT_EQ(seconds_text(std::chrono::seconds(60)), "60 s");
}

}  // namespace
}  // namespace dream::host
