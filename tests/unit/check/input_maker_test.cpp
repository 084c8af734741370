#include "host/check/input_maker.hpp"

#include <gtest/gtest.h>

#include <set>

#include "host/cog/input_validation.hpp"

namespace dream::host::check {
namespace {

using nlohmann::json;

json input(const char* name, const char* type, json more = json::object()) {
  json made = {{"name", name}, {"type", type}, {"list", false}, {"nullable", false}};
  made.update(more);
  return made;
}

json schema_of(std::vector<json> inputs) {
  return {{"name", "t"}, {"inputs", inputs}};
}

const SampleFiles files{"/p/picture.png", {"/p/empty.png", "/p/noise.png"}};

const json every_type = schema_of(
    {input("text", "string"), input("short_text", "string", {{"min_length", 3}, {"max_length", 5}}),
     input("code", "string", {{"regex", "^[0-9]+$"}}),
     input("count", "integer", {{"ge", 2}, {"le", 9}, {"default", 4}}),
     input("big", "integer", {{"nullable", true}}), input("part", "number", {{"ge", 0}, {"le", 1}}),
     input("flag", "boolean", {{"default", false}}), input("photo", "file"),
     input("key", "secret", {{"nullable", true}}), input("any", "json"),
     input("kind", "string", {{"choices", {"a", "b"}}, {"default", "a"}}),
     input("numbers", "integer", {{"list", true}, {"ge", 0}}),
     input("either", "string", {{"any_of", {"string", "integer"}}, {"nullable", true}})});

std::vector<std::string> problems(const json& schema, const json& made) {
  std::vector<ValidationError> errors;
  resolve_input(schema, made, errors);
  std::vector<std::string> texts;
  for (const auto& error : errors) texts.push_back(error.loc.back() + ": " + error.msg);
  return texts;
}

TEST(InputMaker, TheExampleKeepsTheRules) {
  const InputMaker maker(every_type, files);
  EXPECT_EQ(problems(every_type, maker.example()), std::vector<std::string>());
  EXPECT_TRUE(maker.unknown().empty());
  EXPECT_EQ(maker.example()["count"], 4);
  EXPECT_EQ(maker.example()["photo"], "/p/picture.png");
  EXPECT_EQ(maker.example()["big"], nullptr);
}

TEST(InputMaker, UnusualInputsKeepTheRulesAndReachTheBorders) {
  const InputMaker maker(every_type, files);
  std::mt19937_64 random(3);
  std::set<std::string> counts, parts, keys;
  for (std::size_t i = 0; i < 600; ++i) {
    const json made = maker.unusual(random, i);
    ASSERT_EQ(problems(every_type, made), std::vector<std::string>()) << made;
    counts.insert(made["count"].dump());
    parts.insert(made["part"].dump());
    keys.insert(made["key"].dump());
  }
  EXPECT_TRUE(counts.contains("2") && counts.contains("9") && counts.contains("3"));
  EXPECT_TRUE(parts.contains("0.0") && parts.contains("1.0"));
  EXPECT_TRUE(keys.contains("null") && keys.contains("\"\""));
}

TEST(InputMaker, ATrainerGetsPicturesAndLittleWork) {
  const json trainer = schema_of(
      {input("instance_prompt", "string"), input("instance_data", "file"),
       input("max_train_steps", "integer", {{"ge", 0}, {"le", 1000}, {"default", 200}}),
       input("learning_rate", "number", {{"ge", 0}, {"le", 1}, {"default", 0.1}})});
  SampleFiles with_archive = files;
  with_archive.archive = "/p/pictures.zip";
  const InputMaker maker(trainer, with_archive);
  EXPECT_EQ(maker.example()["instance_data"], "/p/pictures.zip");
  EXPECT_EQ(maker.example()["max_train_steps"], 2);
  EXPECT_EQ(maker.longest()["max_train_steps"], 1000);
  EXPECT_EQ(maker.longest()["learning_rate"], 0.1);
  std::mt19937_64 random(3);
  for (std::size_t i = 0; i < 50; ++i)
    EXPECT_EQ(maker.unusual(random, i)["max_train_steps"], 2);
}

TEST(InputMaker, ASeedMakesTheSameInputs) {
  const InputMaker maker(every_type, files);
  std::mt19937_64 a(9), b(9), other(10);
  bool differs = false;
  for (std::size_t i = 0; i < 50; ++i) {
    const json made = maker.unusual(a, i);
    EXPECT_EQ(made, maker.unusual(b, i));
    differs = differs || made != maker.unusual(other, i);
  }
  EXPECT_TRUE(differs);
}

TEST(InputMaker, DiffusionTemplatesStayCheap) {
  const json schema =
      schema_of({input("prompt", "string", {{"default", "x"}}),
                 input("num_inference_steps", "integer", {{"ge", 1}, {"le", 500}, {"default", 50}}),
                 input("num_outputs", "integer", {{"ge", 1}, {"le", 10}, {"default", 1}}),
                 input("width", "integer", {{"nullable", true}, {"choices", {128, 1024}}})});
  const InputMaker maker(schema, files);
  EXPECT_TRUE(maker.is_diffusion());
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < 100; ++i) {
    const json made = maker.unusual(random, i);
    EXPECT_EQ(made["num_inference_steps"], 2);
    EXPECT_EQ(made["num_outputs"], 1);
    EXPECT_EQ(made["width"], nullptr);
  }
  EXPECT_EQ(maker.longest()["num_inference_steps"], 500);
  EXPECT_EQ(maker.longest()["num_outputs"], 1);
}

TEST(InputMaker, SaysForWhichInputItFindsNothing) {
  const InputMaker maker(schema_of({input("plate", "string", {{"regex", "^[Q]{3}-x9$"}})}), files);
  EXPECT_EQ(maker.unknown(), std::vector<std::string>{"plate"});
}

TEST(InputMaker, TheLongestRunTakesTheUpperLimits) {
  const InputMaker maker(every_type, files);
  EXPECT_EQ(maker.longest()["count"], 9);
  EXPECT_EQ(maker.longest()["part"], 1);
  EXPECT_EQ(maker.longest()["numbers"], json::array());
}

}  // namespace
}  // namespace dream::host::check
