// Golden values: compel 2.5.1's PromptParser with pyparsing 3.3.3; for AUTOMATIC1111's syntax the
// table in tests/parity/a1111_prompts.json, which says where it is from.
#include "sdk/engine/text/prompt_syntax.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace dream::engine {
namespace {

using Texts = std::vector<WeightedText>;

std::string show(const Texts& texts) {
  std::string out;
  for (const auto& text : texts) out += fmt::format("[{}@{:.6g}]", text.text, text.weight);
  return out;
}

std::string compel(const std::string& prompt) {
  std::string out;
  for (const auto& part : parse_compel(prompt).parts) {
    if (!out.empty()) out += " & ";
    for (std::size_t i = 0; i < part.prompts.size(); ++i) {
      if (part.prompts.size() > 1) out += fmt::format("{:g}*", part.weights[i]);
      out += show(part.prompts[i]);
    }
    if (part.weight != 1.0) out += fmt::format("x{:g}", part.weight);
  }
  return out;
}

std::string a1111(const std::string& prompt) {
  std::string out;
  const auto stretches = parse_a1111(prompt);
  for (std::size_t i = 0; i < stretches.size(); ++i)
    out += (i == 0 ? "" : " BREAK ") + show(stretches[i]);
  return out;
}

struct Case {
  const char *prompt, *parsed;
};

TEST(PromptSyntax, Compel) {
  for (const auto& [prompt, parsed] : std::vector<Case>{
           {"", ""},
           {"a cat,a dog", "[a cat, a dog@1]"},
           {"a fox+", "[a@1][fox@1.1]"},
           {"a fox-- runs", "[a@1][fox@0.81][runs@1]"},
           {"(a red fox)1.3 runs", "[a red fox@1.3][runs@1]"},
           {"((a)1.5 b)2", "[a@3][b@2]"},
           {"v1.5 style", "[v1.5 style@1]"},
           {"well-known", "[well-known@1]"},
           {"fox.attend(1.5)", "[fox@1.5]"},
           {"\"a fox\"++ x", "[a fox@1.21][x@1]"},
           {"\\(a\\)", "[(a)@1]"},
           {"(\"a\", \"b\").blend(1, 0.5)", "1*[a@1]0.5*[b@1]"},
           {"(\"a\", \"b+\").and(1, 0.5)", "[a@1] & [b@1.1]x0.5"},
           {"fox withLora(fur, 0.5)", "[fox@1]"},
           {"a <lora:fur:0.8> fox+", "[a@1][fox@1.1]"},
       }) {
    EXPECT_EQ(compel(prompt), parsed) << prompt;
  }
}

TEST(PromptSyntax, CompelRefuses) {
  for (const char* prompt :
       {"a cat.swap(dog)", "(\"a\", \"b\").blend(1)", "(\"a\", \"b\").blend(1, -1)",
        "(\"a\", \"b\").and(1, x)", "(\"a\", \"b\").and() c", "(a)100000"}) {
    EXPECT_THROW(parse_compel(prompt), InvalidInput) << prompt;
  }
  EXPECT_THROW(parse_compel(std::string(100, '(') + "a" + std::string(100, ')')), InvalidInput);
  EXPECT_NO_THROW(parse_compel(std::string(60, '(') + "a" + std::string(60, ')')));
}

// As a1111() shows it: stretches of a prompt with BREAK between them.
std::string show(const nlohmann::json& pieces) {
  std::string out;
  Texts stretch;
  for (const auto& piece : pieces) {
    if (piece == nlohmann::json{"BREAK", -1}) {
      out += show(stretch) + " BREAK ";
      stretch.clear();
    } else if (piece[0] != "") {
      stretch.push_back({piece[0].get<std::string>(), piece[1].get<double>()});
    }
  }
  return out + show(stretch);
}

TEST(PromptSyntax, A1111) {
  std::ifstream file(DREAM_SOURCE_DIR "/tests/parity/a1111_prompts.json");
  const auto table = nlohmann::json::parse(file);
  ASSERT_GE(table["prompts"].size(), 150U);
  for (const auto& row : table["prompts"])
    EXPECT_EQ(a1111(row[0].get<std::string>()), show(row[1])) << row[0];
  for (const auto& [prompt, parsed] : std::vector<Case>{
           {"a <lora:fur:0.8>b", "[a b@1]"},
           {"(a BREAK b:1.2)", "[a@1.2] BREAK [b@1.2]"},  // a word of weight -1.2 there
           {"[a:b] [(c:0.5)] d|e", "[a:b@0.909091][ @1][c@0.454545][ d|e@1]"},
           {"\\[a:0.5] [b\\|c]", "[[a:0.5] @1][b|c@0.909091]"},
       }) {
    EXPECT_EQ(a1111(prompt), parsed) << prompt;
  }
}

TEST(PromptSyntax, A1111Refuses) {
  EXPECT_THROW(parse_a1111("(x:100000)"), InvalidInput);
  EXPECT_THROW(parse_a1111(std::string(100, '[')), InvalidInput);
  for (const char* edit : {"[cat:dog:0.5]", "[cat:dog: 10 ]", "[cat:0.5]", "[cat::5]", "[:5]",
                           "[a|b]", "[a|b|]", "[(a:1.2)|b]"}) {
    try {
      parse_a1111(std::string("x (y) ") + edit);
      FAIL() << edit;
    } catch (const InvalidInput& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find("between steps"), std::string::npos) << message;
      EXPECT_NE(message.find(edit), std::string::npos) << message;
      EXPECT_NE(message.find("character 7"), std::string::npos) << message;
    }
  }
}

TEST(PromptSyntax, A1111Compositions) {
  EXPECT_EQ(find_composition("a cat AND a dog"), 6U);
  EXPECT_EQ(find_composition("AND"), 0U);
  EXPECT_EQ(find_composition("SAND ANDES HAND"), std::nullopt);
  EXPECT_EQ(find_composition("a and b"), std::nullopt);
}

TEST(PromptSyntax, Loras) {
  const auto found = take_loras("a <lora:fur:0.8> fox<lora:x>");
  EXPECT_EQ(found.prompt, "a  fox");
  ASSERT_EQ(found.loras.size(), 2U);
  EXPECT_EQ(found.loras[0].name, "fur");
  EXPECT_EQ(found.loras[0].scale, 0.8);
  EXPECT_EQ(found.loras[1].scale, 1.0);
  const auto in_compel = parse_compel("fox withLora(fur, 0.5) useLora(b) <lora:x:0.3>");
  ASSERT_EQ(in_compel.loras.size(), 2U);
  EXPECT_EQ(in_compel.loras[0].name, "fur");
  EXPECT_EQ(in_compel.loras[0].scale, 0.5);
  EXPECT_EQ(take_loras("<lora:a:1").prompt, "<lora:a:1");
  EXPECT_THROW(take_loras("<lora:a:x>"), InvalidInput);
  EXPECT_THROW(take_loras("<lora:a:0.8:0.5>"), InvalidInput);
  EXPECT_THROW(take_loras("<lora::1>"), InvalidInput);
}

// Many times the longest prompt anyone types must not take longer than a moment.
TEST(PromptSyntax, LongPrompts) {
  std::string all;
  for (int i = 0; i < 20000; ++i) all += "((a \"b\" c, <lora:";
  EXPECT_THROW(parse_compel(all), InvalidInput);
  std::string words;
  for (int i = 0; i < 20000; ++i) words += "(a b)1.1 \"c d\"- e, ";
  EXPECT_GT(parse_compel(words).parts[0].prompts[0].size(), 40000U);
  EXPECT_GT(parse_a1111(words).at(0).size(), 20000U);
}

}  // namespace
}  // namespace dream::engine
