#include "host/cog/input_validation.hpp"

#include <gtest/gtest.h>

#include "host/cog/json_text.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

// One input of every kind; `need` is the only required one.
const json schema = json::parse(R"({
  "name": "all", "output": {"type": "string", "kind": "single"},
  "inputs": [
    {"name": "text", "type": "string", "default": "hello", "min_length": 2, "max_length": 8,
     "regex": "^[a-z]+$"},
    {"name": "count", "type": "integer", "default": 3, "ge": 1.0, "le": 10.0},
    {"name": "scale", "type": "number", "default": 1.5, "ge": 0.5, "le": 2.5},
    {"name": "flag", "type": "boolean", "default": false},
    {"name": "mode", "type": "string", "default": "a", "choices": ["a", "b"]},
    {"name": "size", "type": "integer", "default": 128, "choices": [128, 256]},
    {"name": "maybe", "type": "integer", "nullable": true, "ge": 0},
    {"name": "file", "type": "file", "nullable": true},
    {"name": "key", "type": "secret", "nullable": true},
    {"name": "any", "type": "json", "nullable": true},
    {"name": "names", "type": "string", "list": true, "default": ["x"], "max_length": 3},
    {"name": "uni", "type": "string", "any_of": ["string", "integer"], "default": "u"},
    {"name": "one", "type": "string", "default": "ab", "min_length": 1, "max_length": 1},
    {"name": "wide", "type": "integer", "default": 0},
    {"name": "int", "type": "integer", "default": 0, "ge": 0, "le": 5},
    {"name": "need", "type": "string"},
    {"name": "also", "type": "string", "default": "x"}]})");

struct Case {
  const char* input;  // merged into {"need":"n"}
  const char* loc;
  const char* msg;
};

class Rejects : public testing::TestWithParam<Case> {};

TEST_P(Rejects, WithTheTextOfCog) {
  json input = {{"need", "n"}};
  input.update(json::parse(GetParam().input));
  std::vector<ValidationError> errors;
  resolve_input(schema, input, errors);
  ASSERT_EQ(errors.size(), 1U) << compact(validation_body(errors));
  EXPECT_EQ(errors[0].loc, (std::vector<std::string>{"body", "input", GetParam().loc}));
  EXPECT_EQ(errors[0].msg, GetParam().msg);
  EXPECT_EQ(errors[0].type, "value_error");
}

INSTANTIATE_TEST_SUITE_P(
    Rules, Rejects,
    testing::Values(
        Case{R"({"text": 5})", "text", R"(5 is not of type "string")"},
        Case{R"({"text": null})", "text", R"(null is not of type "string")"},
        Case{R"({"text": ["a"]})", "text", R"(["a"] is not of type "string")"},
        Case{R"({"text": {"b": 1, "a": [1, 2.5, "x"]}})", "text",
             R"({"a":[1,2.5,"x"],"b":1} is not of type "string")"},
        Case{R"({"text": "a"})", "text", R"("a" is shorter than 2 characters)"},
        Case{R"({"text": "aaaaaaaaa"})", "text", R"("aaaaaaaaa" is longer than 8 characters)"},
        Case{R"({"text": "AB"})", "text", R"("AB" does not match "^[a-z]+$")"},
        Case{R"({"text": "ß<>&"})", "text", R"("ß<>&" does not match "^[a-z]+$")"},
        Case{R"({"one": ""})", "one", R"("" is shorter than 1 character)"},
        Case{R"({"one": "éé"})", "one", R"("éé" is longer than 1 character)"},
        Case{R"({"count": 0})", "count", "0 is less than the minimum of 1"},
        Case{R"({"count": 11})", "count", "11 is greater than the maximum of 10"},
        Case{R"({"count": "3"})", "count", R"("3" is not of type "integer")"},
        Case{R"({"count": 1.5})", "count", R"(1.5 is not of type "integer")"},
        Case{R"({"count": true})", "count", R"(true is not of type "integer")"},
        Case{R"({"count": 12345678901234567890123})", "count",
             "1.2345678901234568e+22 is greater than the maximum of 10"},
        Case{R"({"count": 1e300})", "count", "1e+300 is greater than the maximum of 10"},
        Case{R"({"wide": 1e300})", "wide",
             "1e+300 is greater than the maximum of 9223372036854775807"},
        Case{R"({"wide": 18446744073709551615})", "wide",
             "18446744073709551615 is greater than the maximum of 9223372036854775807"},
        Case{R"({"wide": -1e19})", "wide",
             "-1e+19 is less than the minimum of -9223372036854775808"},
        Case{R"({"maybe": -18446744073709551615})", "maybe",
             "-1.8446744073709552e+19 is less than the minimum of 0"},
        Case{R"({"int": 18446744073709551615})", "int",
             "18446744073709551615 is greater than the maximum of 5"},
        Case{R"({"scale": 0.1})", "scale", "0.1 is less than the minimum of 0.5"},
        Case{R"({"scale": 3})", "scale", "3 is greater than the maximum of 2.5"},
        Case{R"({"scale": -1e-7})", "scale", "-1e-7 is less than the minimum of 0.5"},
        Case{R"({"scale": 0.00001})", "scale", "0.00001 is less than the minimum of 0.5"},
        Case{R"({"scale": 1e20})", "scale", "1e+20 is greater than the maximum of 2.5"},
        Case{R"({"scale": 4.0})", "scale", "4.0 is greater than the maximum of 2.5"},
        Case{R"({"scale": "x"})", "scale", R"("x" is not of type "number")"},
        Case{R"({"flag": 1})", "flag", R"(1 is not of type "boolean")"},
        Case{R"({"flag": "true"})", "flag", R"("true" is not of type "boolean")"},
        Case{R"({"mode": "z"})", "mode", R"("z" is not one of ["a","b"])"},
        Case{R"({"size": 5})", "size", "5 is not one of [128,256]"},
        Case{R"({"maybe": "q"})", "maybe", R"("q" is not of type "integer")"},
        Case{R"({"maybe": -1})", "maybe", "-1 is less than the minimum of 0"},
        Case{R"({"file": 5})", "file", R"(5 is not of type "string")"},
        Case{R"({"key": 5})", "key", R"(********** is not of type "string")"},
        Case{R"({"any": "x"})", "any", R"("x" is not of type "object")"},
        Case{R"({"names": "x"})", "names", R"("x" is not of type "array")"},
        Case{R"({"names": null})", "names", R"(null is not of type "array")"},
        Case{R"({"names": ["a", 1]})", "names/1", R"(1 is not of type "string")"},
        Case{R"({"names": ["abcd"]})", "names/0", R"("abcd" is longer than 3 characters)"},
        Case{R"({"uni": 1.5})", "uni",
             "1.5 is not valid under any of the schemas listed in the 'anyOf' keyword"},
        Case{R"({"uni": null})", "uni",
             "null is not valid under any of the schemas listed in the 'anyOf' keyword"}));

class Accepts : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Accepts, AndHandsOn) {
  json input = {{"need", "n"}};
  input.update(json::parse(GetParam().first));
  std::vector<ValidationError> errors;
  const json resolved = resolve_input(schema, input, errors);
  EXPECT_TRUE(errors.empty()) << compact(validation_body(errors));
  const json expected = json::parse(GetParam().second);
  for (const auto& [name, value] : expected.items()) {
    EXPECT_EQ(resolved.at(name).dump(), value.dump()) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Values, Accepts,
    testing::Values(
        std::pair{R"({"count": 1.0})", R"({"count": 1})"},
        std::pair{R"({"count": 2e0})", R"({"count": 2})"},
        std::pair{R"({"size": 128.0})", R"({"size": 128})"},
        std::pair{R"({"scale": 2})", R"({"scale": 2})"},
        std::pair{R"({"maybe": null})", R"({"maybe": null})"},
        std::pair{R"({"file": null, "any": {"a": [1]}})", R"({"file": null, "any": {"a": [1]}})"},
        std::pair{R"({"names": []})", R"({"names": []})"},
        std::pair{R"({"names": ["abc", "é😀é"]})", R"({"names": ["abc", "é😀é"]})"},
        std::pair{R"({"uni": 4})", R"({"uni": 4})"},
        std::pair{R"({"wide": 9223372036854775807})", R"({"wide": 9223372036854775807})"},
        std::pair{R"({})",
                  R"({"text": "hello", "count": 3, "flag": false, "mode": "a",
                                  "maybe": null, "file": null, "names": ["x"], "need": "n"})"}));

TEST(InputValidation, ListsWrongFieldsByNameAndMissingOnesLast) {
  std::vector<ValidationError> errors;
  resolve_input(schema, {{"text", 3}, {"count", 0}}, errors);
  EXPECT_EQ(compact(validation_body(errors)),
            R"({"detail":[{"loc":["body","input","count"],"msg":"0 is less than the minimum of 1",)"
            R"("type":"value_error"},{"loc":["body","input","text"],"msg":"3 is not of type )"
            R"(\"string\"","type":"value_error"},{"loc":["body","input","need"],"msg":)"
            R"("Field required","type":"value_error.missing"}]})");
}

TEST(InputValidation, ReportsEveryBrokenRuleOfAField) {
  std::vector<ValidationError> errors;
  resolve_input(schema, {{"need", "n"}, {"mode", 3}, {"text", "A"}}, errors);
  ASSERT_EQ(errors.size(), 4U);
  EXPECT_EQ(errors[0].msg, R"(3 is not one of ["a","b"])");
  EXPECT_EQ(errors[1].msg, R"(3 is not of type "string")");
  EXPECT_EQ(errors[2].msg, R"("A" is shorter than 2 characters)");
  EXPECT_EQ(errors[3].msg, R"("A" does not match "^[a-z]+$")");
}

TEST(InputValidation, DropsUnknownKeysAndNamesThem) {
  std::vector<ValidationError> errors;
  std::vector<std::string> stripped;
  const json resolved = resolve_input(schema, {{"need", "n"}, {"zzz", 1}}, errors, &stripped);
  EXPECT_TRUE(errors.empty());
  EXPECT_EQ(stripped, std::vector<std::string>{"zzz"});
  EXPECT_FALSE(resolved.contains("zzz"));
}

TEST(InputValidation, RefusesAnInputThatIsNoObject) {
  std::vector<ValidationError> errors;
  resolve_input(schema, "str", errors);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].loc.back(), "__root__");
  EXPECT_EQ(errors[0].msg, R"("str" is not of type "object")");
}

TEST(InputValidation, SpeaksAsCogsFirstServerToThoseWhoAskForIt) {
  std::vector<ValidationError> errors;
  resolve_input(schema, {{"count", "x"}, {"flag", "x"}, {"mode", "z"}, {"names", "x"},
                         {"scale", 0.25}, {"size", 1}, {"text", "A"}, {"wide", 1e30}},
                errors, nullptr, pydantic_words());
  std::vector<std::string> told;
  for (const auto& error : errors)
    told.push_back(error.loc.back() + ": " + error.msg + " (" + error.type + ")");
  const std::vector<std::string> expected{
      "count: value is not a valid integer (type_error.integer)",
      "flag: value could not be parsed to a boolean (type_error.bool)",
      "mode: value is not a valid enumeration member; permitted: 'a', 'b' (type_error.enum)",
      "names: value is not a valid list (type_error.list)",
      "scale: ensure this value is greater than or equal to 0.5 (value_error.number.not_ge)",
      "size: value is not a valid enumeration member; permitted: 128, 256 (type_error.enum)",
      "text: ensure this value has at least 2 characters (value_error.any_str.min_length)",
      "text: string does not match regex \"^[a-z]+$\" (value_error.str.regex)",
      "wide: ensure this value is less than or equal to 9223372036854775807 "
      "(value_error.number.not_le)",
      "need: field required (value_error.missing)"};
  EXPECT_EQ(told, expected);
}

}  // namespace
}  // namespace dream::host
