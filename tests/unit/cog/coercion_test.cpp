#include "host/cog/coercion.hpp"

#include <gtest/gtest.h>

namespace dream::host {
namespace {

using nlohmann::json;

json coerced(const char* type, const json& value, bool list = false) {
  const json schema = {{"inputs", {{{"name", "x"}, {"type", type}, {"list", list}}}}};
  return coerce_input(schema, {{"x", value}}).at("x");
}

TEST(Coercion, ReadsWhatTextSays) {
  EXPECT_EQ(coerced("integer", "3"), 3);
  EXPECT_EQ(coerced("integer", " -12\n"), -12);
  EXPECT_EQ(coerced("integer", "+4"), 4);
  EXPECT_EQ(coerced("number", "7.5"), 7.5);
  EXPECT_EQ(coerced("number", "1e2"), 100.0);
  EXPECT_EQ(coerced("boolean", "True"), true);
  EXPECT_EQ(coerced("boolean", "off"), false);
  EXPECT_EQ(coerced("string", 3), "3");
  EXPECT_EQ(coerced("string", 1.5), "1.5");
  EXPECT_EQ(coerced("integer", json::array({"1", 2}), true), json::array({1, 2}));
}

TEST(Coercion, ReadsNumbersAndTruths) {
  EXPECT_EQ(coerced("integer", 3.7), 3);
  EXPECT_EQ(coerced("integer", true), 1);
  EXPECT_EQ(coerced("number", false), 0.0);
  EXPECT_EQ(coerced("boolean", 1), true);
  EXPECT_EQ(coerced("boolean", 0), false);
}

TEST(Coercion, LeavesTheRestForValidation) {
  for (const json& value : {json("3.5"), json("x"), json(""), json(json::array()), json(nullptr)})
    EXPECT_EQ(coerced("integer", value), value) << value;
  EXPECT_EQ(coerced("boolean", 2), 2);
  EXPECT_EQ(coerced("boolean", "maybe"), "maybe");
  EXPECT_EQ(coerced("number", "nan"), "nan");
  EXPECT_EQ(coerced("string", json::object()), json::object());
  EXPECT_EQ(coerced("file", 5), 5);
  EXPECT_EQ(coerce_input({{"inputs", json::array()}}, "text"), "text");
}

TEST(Coercion, ANullIsAbsentWhereThereIsADefault) {
  const json schema = {{"inputs",
                        {{{"name", "a"}, {"type", "integer"}, {"default", 5}},
                         {{"name", "b"}, {"type", "integer"}, {"nullable", true}}}}};
  EXPECT_EQ(coerce_input(schema, {{"a", nullptr}, {"b", nullptr}}), json({{"b", nullptr}}));
}

}  // namespace
}  // namespace dream::host
