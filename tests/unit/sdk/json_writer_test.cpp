// What JsonWriter writes is JSON, whatever goes in.
#include <gtest/gtest.h>

#include <dream/annotator.hpp>
#include <dream/json_writer.hpp>
#include <limits>

using dream::JsonWriter;

namespace {

std::string of(const auto& value) {
  return JsonWriter().value(value).text();
}

TEST(JsonWriter, Scalars) {
  EXPECT_EQ(of("text"), "\"text\"");
  EXPECT_EQ(of(std::string()), "\"\"");
  EXPECT_EQ(of(true), "true");
  EXPECT_EQ(of(-7), "-7");
  EXPECT_EQ(of(uint64_t{18446744073709551615U}), "18446744073709551615");
  EXPECT_EQ(of(0.1), "0.1");
  EXPECT_EQ(of(1e300), "1e+300");
  EXPECT_EQ(of(dream::Json{"[1, 2]"}), "[1, 2]");
  EXPECT_EQ(of(std::optional<int>()), "null");
  EXPECT_EQ(of(std::vector<bool>{true, false}), "[true,false]");
  EXPECT_EQ(of(std::vector<std::vector<int>>{{1, 2}, {}}), "[[1,2],[]]");
}

TEST(JsonWriter, Escapes) {
  EXPECT_EQ(of(std::string("\"\\\n\r\t\b\f\x01\x1f\0", 10)),
            "\"\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u001f\\u0000\"");
  EXPECT_EQ(of("ünï €🦊"), "\"ünï €🦊\"");
}

TEST(JsonWriter, BytesThatAreNoTextAreReplaced) {
  const std::string r = "\xef\xbf\xbd";
  EXPECT_EQ(of("a\xff-b"), "\"a" + r + "-b\"");
  EXPECT_EQ(of("\xc3"), "\"" + r + "\"");                          // cut off
  EXPECT_EQ(of("\xc0\xaf"), "\"" + r + r + "\"");                  // overlong
  EXPECT_EQ(of("\xed\xa0\x80"), "\"" + r + r + r + "\"");          // a surrogate
  EXPECT_EQ(of("\xf4\x90\x80\x80"), "\"" + r + r + r + r + "\"");  // above U+10FFFF
}

TEST(JsonWriter, Nesting) {
  JsonWriter json;
  json.begin_object().member("a", 1).key("b").begin_array().value("x").begin_object().end_object();
  json.null().end_array().key("c").begin_array().end_array().end_object();
  EXPECT_EQ(json.text(), R"({"a":1,"b":["x",{},null],"c":[]})");
}

TEST(JsonWriter, MisuseIsAnError) {
  EXPECT_THROW(JsonWriter().text(), dream::Error);
  EXPECT_THROW(JsonWriter().begin_array().text(), dream::Error);
  EXPECT_THROW(JsonWriter().begin_object().value(1), dream::Error);
  EXPECT_THROW(JsonWriter().begin_array().key("a"), dream::Error);
  EXPECT_THROW(JsonWriter().begin_object().key("a").key("b"), dream::Error);
  EXPECT_THROW(JsonWriter().begin_object().key("a").end_object(), dream::Error);
  EXPECT_THROW(JsonWriter().begin_array().end_object(), dream::Error);
  EXPECT_THROW(JsonWriter().end_array(), dream::Error);
  EXPECT_THROW(JsonWriter().value(1).value(2), dream::Error);
  EXPECT_THROW(of(std::numeric_limits<double>::quiet_NaN()), dream::Error);
}

TEST(Settings, AreAnObject) {
  EXPECT_EQ(dream::Settings().json(), "{}");
  dream::Settings settings;
  settings.set("low", 100);
  EXPECT_EQ(settings.set("name", "a\"b").json(), R"({"low":100,"name":"a\"b"})");
  EXPECT_EQ(settings.json(), R"({"low":100,"name":"a\"b"})");  // asking twice changes nothing
}

}  // namespace
