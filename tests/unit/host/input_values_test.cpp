// `-i name=value` by the types of a schema.
#include "host/cli/input_values.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "host/base/ids.hpp"
#include "host/cli/errors.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

const json schema = json::parse(R"({"inputs": [
  {"name": "prompt", "type": "string"},
  {"name": "width", "type": "integer", "nullable": true, "choices": [128, 256]},
  {"name": "steps", "type": "integer", "ge": 1, "le": 500, "default": 50},
  {"name": "scale", "type": "number", "ge": 1, "le": 20},
  {"name": "fast", "type": "boolean"},
  {"name": "image", "type": "file", "nullable": true},
  {"name": "images", "type": "file", "list": true},
  {"name": "numbers", "type": "integer", "list": true, "nullable": true},
  {"name": "extra", "type": "json"},
  {"name": "either", "type": "string", "any_of": ["integer", "string"]}]})");

json parse(const std::vector<std::string>& assignments, json base = json::object()) {
  return parse_inputs(schema, assignments, std::move(base));
}

std::string refusal(const std::vector<std::string>& assignments) {
  try {
    parse(assignments);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(InputValues, AreReadByType) {
  EXPECT_EQ(parse({"prompt=a=b \"c\" 7", "width=128", "steps=+7", "scale=7.5", "fast=yes",
                   "extra={\"a\": [1]}", "either=7"}),
            json::parse(R"j({"prompt": "a=b \"c\" 7", "width": 128, "steps": 7, "scale": 7.5,
                            "fast": true, "extra": {"a": [1]}, "either": 7})j"));
  EXPECT_EQ(parse({"prompt=", "scale=-2e1", "fast=0", "either=x"}),
            (json{{"prompt", ""}, {"scale", -20.0}, {"fast", false}, {"either", "x"}}));
}

TEST(InputValues, TheLastOfSeveralCounts) {
  EXPECT_EQ(parse({"steps=1", "prompt=a", "steps=2"}), (json{{"prompt", "a"}, {"steps", 2}}));
}

TEST(InputValues, NullWhereItIsAllowed) {
  EXPECT_EQ(parse({"width=null", "image=null", "numbers=null"}),
            (json{{"width", nullptr}, {"image", nullptr}, {"numbers", nullptr}}));
  EXPECT_EQ(parse({"prompt=null"}), (json{{"prompt", "null"}}));
  EXPECT_EQ(refusal({"steps=null"}), "input steps: 'null' is not allowed: integer from 1 to 500");
}

TEST(InputValues, ListsAsJsonOrItemByItem) {
  const json expected = {{"numbers", {1, 2, 3}}};
  EXPECT_EQ(parse({"numbers=[1,2,3]"}), expected);
  EXPECT_EQ(parse({"numbers=1", "numbers=2", "numbers=3"}), expected);
  EXPECT_EQ(parse({"numbers=[1, 2]", "numbers=3"}), expected);
  EXPECT_EQ(parse({"numbers=9"}, {{"numbers", {1, 2}}}), (json{{"numbers", {9}}}));
}

TEST(InputValues, FilesBecomeAbsolutePaths) {
  const auto file = std::filesystem::temp_directory_path() / (new_id() + ".png");
  const std::string path = file.string();
  std::ofstream(file) << "x";
  EXPECT_EQ(parse({"image=@" + path}), (json{{"image", path}}));
  EXPECT_EQ(parse({"image=" + path}), (json{{"image", path}}));
  EXPECT_EQ(parse({"images=@" + path, "images=data:,x"}), (json{{"images", {path, "data:,x"}}}));
  EXPECT_EQ(parse({}, {{"image", "@" + path}}), (json{{"image", path}}));
  EXPECT_EQ(parse({"image=https://example.com/a.png"}),
            (json{{"image", "https://example.com/a.png"}}));
  std::filesystem::remove(file);
  EXPECT_EQ(refusal({"image=@" + path}), "input image: there is no file '" + path + "'");
}

TEST(InputValues, RefusalsNameTheInputTheValueAndWhatIsAllowed) {
  EXPECT_EQ(refusal({"steps=many"}), "input steps: 'many' is not allowed: integer from 1 to 500");
  EXPECT_EQ(refusal({"steps=7.5"}), "input steps: '7.5' is not allowed: integer from 1 to 500");
  EXPECT_EQ(refusal({"steps=99999999999999999999"}).find("input steps: "), 0U);
  EXPECT_EQ(refusal({"scale=nan"}), "input scale: 'nan' is not allowed: number from 1 to 20");
  EXPECT_EQ(refusal({"fast=maybe"}), "input fast: 'maybe' is not allowed: true or false");
  EXPECT_EQ(refusal({"width=wide"}),
            "input width: 'wide' is not allowed: one of 128, 256, or null");
  EXPECT_EQ(refusal({"extra={"}), "input extra: '{' is not allowed: json");
  EXPECT_EQ(refusal({"steps"}), "-i 'steps': write it as name=value");
  EXPECT_EQ(refusal({"=1"}), "-i '=1': write it as name=value");
}

TEST(InputValues, UnknownNamesComeWithTheClosest) {
  EXPECT_EQ(refusal({"promt=x"}), "unknown input 'promt', did you mean prompt?");
  EXPECT_EQ(refusal({"zzzzzzzzzz=1"}).find("unknown input 'zzzzzzzzzz'. There are: prompt, width"),
            0U);
}

}  // namespace
}  // namespace dream::host
