// Inputs of a training against its trainer's document.
#include <gtest/gtest.h>

#include "host/platform/cog_trainer.hpp"

namespace dream::host {
namespace {

const Json document = Json::parse(R"({"components": {"schemas": {
  "Input": {"required": ["prompt"], "properties": {
    "prompt": {"type": "string"}, "steps": {"type": "integer", "minimum": 1, "maximum": 10},
    "rate": {"type": "number"}, "flag": {"type": "boolean"}, "list": {"type": "array"},
    "kind": {"allOf": [{"$ref": "#/components/schemas/kind"}]}}},
  "kind": {"type": "string", "enum": ["a", "b"]}}}})");

std::string problem(const char* input, const Json& openapi = document) {
  std::string field;
  const std::string text = input_problem(openapi, Json::parse(input), field);
  return text.empty() ? "" : field + ": " + text;
}

TEST(InputCheck, LetsGoodInputsThrough) {
  for (const char* good : {R"({"prompt": "x"})", R"({"prompt": "", "steps": 10, "rate": 1})",
                           R"({"prompt": "x", "steps": 3.0, "rate": 1e-6, "flag": false})",
                           R"({"prompt": "x", "kind": "b", "list": [], "steps": null})"})
    EXPECT_EQ(problem(good), "") << good;
}

TEST(InputCheck, NamesWhatIsWrong) {
  EXPECT_EQ(problem("{}"), "input.prompt: it is missing: the trainer needs it");
  EXPECT_EQ(problem(R"({"prompt": 1})"), "input.prompt: string is needed, not 1");
  EXPECT_EQ(problem(R"({"prompt": "x", "steps": 0})"), "input.steps: 0 is less than 1");
  EXPECT_EQ(problem(R"({"prompt": "x", "steps": 11})"), "input.steps: 11 is more than 10");
  EXPECT_EQ(problem(R"({"prompt": "x", "steps": 1.5})"),
            "input.steps: integer is needed, not 1.5");
  EXPECT_NE(problem(R"({"prompt": "x", "steps": 1e300})"), "");
  EXPECT_EQ(problem(R"({"prompt": "x", "flag": 1})"), "input.flag: boolean is needed, not 1");
  EXPECT_EQ(problem(R"({"prompt": "x", "kind": "c"})"),
            R"(input.kind: "c" is not one of "a", "b")");
  EXPECT_TRUE(problem(R"({"prompt": "x", "promt": "y"})")
                  .starts_with("input.promt: the trainer has no such input; it has prompt, "));
}

TEST(InputCheck, PrefersTheInputsOfTrainings) {
  Json both = document;
  both["components"]["schemas"]["TrainingInput"] =
      Json::parse(R"({"properties": {"data": {"type": "string"}}})");
  EXPECT_EQ(problem(R"({"data": "x"})", both), "");
  EXPECT_NE(problem(R"({"prompt": "x"})", both), "");
}

TEST(InputCheck, SaysNothingWhereTheDocumentDoesNot) {
  for (const char* text : {"null", "{}", R"({"components": 1})",
                           R"({"components": {"schemas": {"Input": {"properties": []}}}})",
                           R"({"components": {"schemas": {"Input": {"type": "object"}}}})"})
    EXPECT_EQ(problem(R"({"a": 1})", Json::parse(text)), "") << text;
}

}  // namespace
}  // namespace dream::host
