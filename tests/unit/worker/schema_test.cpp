#include "host/worker/sdk_host/schema.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "host/worker/sdk_host/diffusion_inputs.hpp"
#include "host/worker/sdk_host/interfaces.hpp"
#include "host/worker/sdk_host/schema_builder.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"
#include "host/worker/sdk_host/status.hpp"
#include "host/worker/sdk_host/values.hpp"

namespace dream::worker {
namespace {

InputSpec text_input() {
  InputSpec input;
  input.name = "prompt";
  input.type = DREAM_STRING;
  input.description = "What to draw";
  return input;
}

InputSpec integer_input() {
  InputSpec input = text_input();
  input.name = "steps";
  input.type = DREAM_INTEGER;
  return input;
}

// The message with which `change` makes an input refused; "" if it is not.
std::string refused(InputSpec input, const std::function<void(InputSpec&)>& change) {
  change(input);
  try {
    lint(input);
  } catch (const SdkError& error) {
    EXPECT_EQ(error.code(), DREAM_INVALID_INPUT);
    return error.what();
  }
  return "";
}

#define EXPECT_REFUSED(input, words, ...)                                                      \
  EXPECT_NE(refused(input, [](InputSpec& in) { __VA_ARGS__; }).find(words), std::string::npos) \
      << refused(input, [](InputSpec& in) { __VA_ARGS__; })

TEST(SchemaLint, takes_sensible_inputs) {
  const auto same = [](InputSpec&) {};
  EXPECT_EQ(refused(text_input(), same), "");
  EXPECT_EQ(refused(text_input(),
                    [](InputSpec& in) {
                      in.regex = "^a.*b$", in.min_length = 2, in.max_length = 3,
                      in.default_value = "aüb";
                    }),
            "");
  EXPECT_EQ(refused(integer_input(),
                    [](InputSpec& in) {
                      in.ge = 1, in.le = 3, in.choices = {1, 2, 3}, in.default_value = 3;
                    }),
            "");
  EXPECT_EQ(refused(integer_input(),
                    [](InputSpec& in) {
                      in.list = true, in.le = 3, in.default_value = {1, 2};
                    }),
            "");
  EXPECT_EQ(refused(text_input(),
                    [](InputSpec& in) {
                      in.any_of = {DREAM_STRING, DREAM_INTEGER}, in.default_value = 4;
                    }),
            "");
}

TEST(SchemaLint, names) {
  for (const char* name : {"", "Prompt", "9lives", "a-b", "a b", "ü"}) {
    InputSpec input = text_input();
    input.name = name;
    EXPECT_THROW(lint(input), SdkError) << name;
  }
  EXPECT_REFUSED(text_input(), "description is missing", in.description = "  ");
}

TEST(SchemaLint, types) {
  EXPECT_REFUSED(text_input(), "type null", in.type = DREAM_NULL);
  EXPECT_REFUSED(text_input(), "type list", in.type = DREAM_LIST);
  EXPECT_REFUSED(text_input(), "cannot contain file", (in.any_of = {DREAM_STRING, DREAM_FILE}));
  EXPECT_REFUSED(text_input(), "at least two", in.any_of = {DREAM_STRING});
}

TEST(SchemaLint, limits) {
  EXPECT_REFUSED(text_input(), "ge and le are for numbers", in.ge = 1);
  EXPECT_REFUSED(integer_input(), "ge is above le", in.ge = 2; in.le = 1);
  EXPECT_REFUSED(integer_input(), "whole numbers", in.ge = 0.5);
  EXPECT_REFUSED(integer_input(), "finite", in.le = NAN);
  EXPECT_REFUSED(integer_input(), "for strings", in.max_length = 1);
  EXPECT_REFUSED(integer_input(), "for strings", in.regex = "a+");
  EXPECT_REFUSED(text_input(), "min_length is above", in.min_length = 2; in.max_length = 1);
  EXPECT_REFUSED(text_input(), "regex '(a'", in.regex = "(a");
}

TEST(SchemaLint, choices) {
  EXPECT_REFUSED(text_input(), "not of type string", in.choices = {1});
  EXPECT_REFUSED(text_input(), "there twice", (in.choices = {"a", "b", "a"}));
  EXPECT_REFUSED(integer_input(), "choice 9 is above le", in.le = 8; in.choices = {9});
  EXPECT_REFUSED(integer_input(), "for strings and integers", in.type = DREAM_NUMBER;
                 in.choices = {1});
}

TEST(SchemaLint, defaults) {
  EXPECT_REFUSED(integer_input(), "not of type integer", in.default_value = "x");
  EXPECT_REFUSED(integer_input(), "not of type integer", in.default_value = 1.5);
  EXPECT_REFUSED(integer_input(), "default 0 is below ge", in.ge = 1; in.default_value = 0);
  EXPECT_REFUSED(integer_input(), "not one of the choices", in.choices = {1}; in.default_value = 2);
  EXPECT_REFUSED(integer_input(), "must be a list", in.list = true; in.default_value = 2);
  EXPECT_REFUSED(integer_input(), "above le", in.list = true; in.le = 1; in.default_value = {0, 2});
  EXPECT_REFUSED(text_input(), "longer than", in.max_length = 1; in.default_value = "ab");
  EXPECT_REFUSED(text_input(), "match the regex", in.regex = "^a$"; in.default_value = "b");
}

TEST(SchemaLint, a_secret_is_not_shown) {
  const std::string message = refused(text_input(), [](InputSpec& in) {
    in.type = DREAM_SECRET, in.min_length = 99, in.default_value = "hush";
  });
  EXPECT_NE(message, "");
  EXPECT_EQ(message.find("hush"), std::string::npos);
}

TEST(TemplateSchema, renders_what_the_protocol_says) {
  TemplateSchema schema;
  InputSpec input = integer_input();
  input.ge = 1;
  input.le = 500;
  input.default_value = 50;
  schema.add(input);
  schema.set_output(DREAM_FILE, DREAM_ITERATOR);
  schema.set_max_concurrency(4);
  const auto expected = nlohmann::json::parse(R"({
    "inputs": [{"name": "steps", "type": "integer", "list": false, "nullable": false,
                "description": "What to draw", "default": 50, "ge": 1, "le": 500}],
    "output": {"type": "file", "kind": "iterator"}, "max_concurrency": 4})");
  EXPECT_EQ(schema.to_json(), expected);
  EXPECT_TRUE(schema.to_json()["inputs"][0]["ge"].is_number_integer());
}

TEST(TemplateSchema, refuses_contradictions) {
  TemplateSchema schema;
  schema.add(text_input());
  EXPECT_THROW(schema.add(text_input()), SdkError);
  EXPECT_THROW(schema.set_output(DREAM_SECRET, DREAM_SINGLE), SdkError);
  EXPECT_THROW(schema.set_output(DREAM_STRING, 9), SdkError);
  EXPECT_THROW(schema.set_output(DREAM_INTEGER, DREAM_CONCATENATE), SdkError);
  EXPECT_THROW(schema.set_max_concurrency(0), SdkError);
  EXPECT_EQ(schema.inputs().size(), 1U);
}

dream_input declaration() {
  dream_input input{};
  input.struct_size = sizeof input;
  input.type = DREAM_STRING;
  input.name = to_str("name");
  input.description = to_str("A name");
  return input;
}

std::string declared(const dream_input* input) {
  dream_schema schema;
  dream_status* status = schema_interface().add_input(&schema, input);
  const std::string message = status == nullptr ? "" : std::string(status_message(status));
  free_status(status);
  return message;
}

TEST(SchemaInterface, takes_a_declaration) {
  const dream_input input = declaration();
  EXPECT_EQ(declared(&input), "");
}

TEST(SchemaInterface, refuses_what_it_cannot_read) {
  EXPECT_NE(declared(nullptr), "");
  dream_input input = declaration();
  input.struct_size = 8;
  EXPECT_NE(declared(&input).find("struct_size"), std::string::npos);
  input = declaration();
  input.name.data = nullptr;
  EXPECT_NE(declared(&input), "");
  input = declaration();
  input.type = 77;
  EXPECT_NE(declared(&input), "");
  input = declaration();
  input.flags = 1U << 20;
  EXPECT_NE(declared(&input).find("unknown flags"), std::string::npos);
  input = declaration();
  input.any_of = 1U << DREAM_INTEGER;
  EXPECT_NE(declared(&input).find("any_of"), std::string::npos);
  input = declaration();
  input.choice_count = 1;
  EXPECT_NE(declared(&input).find("null pointer"), std::string::npos);
}

TEST(SchemaInterface, diffusion_inputs_come_with_one_call) {
  dream_schema schema;
  EXPECT_EQ(schema_interface().add_diffusion_inputs(&schema), nullptr);
  EXPECT_EQ(schema.schema.inputs().size(), diffusion_inputs({}).size());
  dream_status* twice = schema_interface().add_diffusion_inputs(&schema);
  ASSERT_NE(twice, nullptr);
  EXPECT_EQ(status_message(twice), "input 'image' is declared twice");
  free_status(twice);
}

}  // namespace
}  // namespace dream::worker
