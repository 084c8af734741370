// Lines of the server's log: one JSON object each, whatever is in them, and text for people.
#include "host/base/logging.hpp"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <regex>

namespace dream::host {
namespace {

using nlohmann::json;

class LoggingTest : public testing::Test {
 protected:
  ~LoggingTest() override { set_up_logging(LogFormat::text, "warning"); }

  // What `action` logs, by the lines of stderr.
  template <typename Action>
  std::string logged(LogFormat format, const std::string& level, Action action) {
    testing::internal::CaptureStderr();
    set_up_logging(format, level);
    action();
    return testing::internal::GetCapturedStderr();
  }

  json logged_json(const std::string& message, const LogFields& fields = {}) {
    const std::string text =
        logged(LogFormat::json, "debug", [&] { log_at("info", message, fields); });
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    return json::parse(text);
  }
};

TEST_F(LoggingTest, JsonSaysWhenHowBadAndWhat) {
  const json line = logged_json("hello");
  EXPECT_EQ(line.at("level"), "info");
  EXPECT_EQ(line.at("message"), "hello");
  EXPECT_EQ(line.size(), 3U);
  const std::regex time(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)");
  EXPECT_TRUE(std::regex_match(line.at("time").get<std::string>(), time)) << line;
}

TEST_F(LoggingTest, FieldsAreKeys) {
  const json line = logged_json("x", {"id \"1\"\n", "fox", 77});
  EXPECT_EQ(line.at("prediction"), "id \"1\"\n");
  EXPECT_EQ(line.at("template"), "fox");
  EXPECT_EQ(line.at("worker"), 77);
  EXPECT_EQ(logged_json("x").size(), 3U) << "they are of one line only";
}

TEST_F(LoggingTest, AnyBytesGiveOneObject) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const auto message = logged_json(all).at("message").get<std::string>();
  EXPECT_EQ(message.substr(0, 128), all.substr(0, 128)) << "ASCII comes through";
  EXPECT_NE(message.find("\xEF\xBF\xBD"), std::string::npos);
  for (const char* text : {"{}", "%s {} {0} %n", "\"}\n{\"level\":\"error\"", "\xC3",
                           "\xED\xA0\x80", "\x1b[31mred", "\xF0\x9F\xA6\x8A"})
    EXPECT_TRUE(logged_json(text).at("message").is_string()) << text;
  EXPECT_EQ(logged_json("\xF0\x9F\xA6\x8A").at("message"), "\xF0\x9F\xA6\x8A");
  EXPECT_EQ(logged_json("a", {"\xFF", "\xFE", 1}).at("prediction"), "\xEF\xBF\xBD");
}

TEST_F(LoggingTest, TextBeginsWithWhatItIsAbout) {
  const std::string text = logged(LogFormat::text, "info", [] {
    log_at("warning", "hello", {"a\nb", "fox", 77});
    log_at("info", "hello", {.worker = 77});
    log_at("debug", "not shown");
    log_at("nonsense", "counts as info");
  });
  const std::regex lines(
      "[0-9:.]{12} warning prediction \"a\\\\nb\": hello\n"
      "[0-9:.]{12} info    worker 77: hello\n"
      "[0-9:.]{12} info    counts as info\n");
  EXPECT_TRUE(std::regex_match(text, lines)) << text;
}

TEST_F(LoggingTest, LevelsHoldBack) {
  set_up_logging(LogFormat::text, "warn");
  EXPECT_TRUE(is_logged("error") && is_logged("warning") && is_logged("warn"));
  EXPECT_FALSE(is_logged("info") || is_logged("debug"));
  EXPECT_THROW(set_up_logging(LogFormat::text, "loud"), std::invalid_argument);
}

}  // namespace
}  // namespace dream::host
