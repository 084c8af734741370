// What a template declares arrives at the host as declared.
#include <gtest/gtest.h>

#include <dream/template.hpp>
#include <dream/testing.hpp>

namespace t = dream::testing;

namespace {

class Everything {
 public:
  struct Inputs {
    dream::DiffusionInputs diffusion;
    std::string text;
    int whole;
    int64_t big;
    double number;
    float small_number;
    bool flag;
    dream::File file;
    dream::Secret secret;
    dream::Json any;
    std::vector<std::string> texts;
    std::vector<dream::File> files;
    std::vector<bool> flags;
    std::optional<std::string> note;
    std::optional<std::vector<int>> numbers;
    std::variant<std::string, int> either;
    std::optional<std::variant<double, bool>> maybe_either;
    std::variant<int, std::string> other_either;
    std::vector<std::variant<std::string, int>> mixed;
  };

  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::text, "text")
        .doc("A text")
        .def("abc")
        .min_length(2)
        .max_length(9)
        .regex("^[a-z]+$")
        .deprecated();
    s.in(&Inputs::whole, "whole").doc("Whole").def(2).choices({1, 2, 4});
    s.in(&Inputs::big, "big").doc("Big").def(1LL << 40).ge(-5).le(1LL << 41);
    s.diffusion_inputs(&Inputs::diffusion);
    s.in(&Inputs::number, "number").doc("Number").def(1).ge(0.5).le(2);
    s.in(&Inputs::small_number, "small_number").doc("Number");
    s.in(&Inputs::flag, "flag").doc("Flag").def(true);
    s.in(&Inputs::file, "file").doc("File");
    s.in(&Inputs::secret, "secret").doc("Secret");
    s.in(&Inputs::any, "any").doc("JSON").def(dream::Json{"{\"a\":1}"});
    s.in(&Inputs::texts, "texts").doc("Texts").def({"x", "y"});
    s.in(&Inputs::files, "files").doc("Files");
    s.in(&Inputs::flags, "flags").doc("Flags").def({true, false});
    s.in(&Inputs::note, "note").doc("Note").choices({"a", "b"});
    s.in(&Inputs::numbers, "numbers").doc("Numbers").def({});
    s.in(&Inputs::either, "either").doc("Either").def(7).ge(1);
    s.in(&Inputs::maybe_either, "maybe_either").doc("Maybe either");
    s.in(&Inputs::other_either, "other_either").doc("Other").def("seven");
    s.in(&Inputs::mixed, "mixed").doc("Mixed");
    s.output<dream::File>(dream::iterator);
    s.max_concurrency(3);
  }

  void run(const Inputs&, dream::Run&) {}
};

class SchemaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static const dream_template entry =
        dream::detail::make_template<Everything>("everything", "1.0.0", "All kinds of inputs.");
    const t::Outcome outcome = host_.describe(entry);
    ASSERT_TRUE(outcome) << outcome.message;
  }
  const t::Input& input(const std::string& name) {
    const t::Input* found = host_.declared().find(name);
    if (found == nullptr) throw std::runtime_error("not declared: " + name);
    return *found;
  }
  t::TestHost host_;
};

TEST_F(SchemaTest, OrderIsTheOrderOfCalls) {
  const auto& inputs = host_.declared().inputs;
  ASSERT_EQ(inputs.size(), 18U);
  EXPECT_EQ(inputs.front().name, "text");
  EXPECT_EQ(inputs[1].name, "whole");
  EXPECT_EQ(inputs.back().name, "mixed");
  EXPECT_EQ(host_.declared().diffusion_inputs, 1);
}

TEST_F(SchemaTest, TextRules) {
  const t::Input& text = input("text");
  EXPECT_EQ(text.type, DREAM_STRING);
  EXPECT_EQ(text.description, "A text");
  EXPECT_EQ(text.default_value, t::Value("abc"));
  EXPECT_EQ(text.min_length, 2U);
  EXPECT_EQ(text.max_length, 9U);
  EXPECT_EQ(text.regex, "^[a-z]+$");
  EXPECT_EQ(text.flags, uint32_t{DREAM_INPUT_DEPRECATED | DREAM_INPUT_HAS_MIN_LENGTH |
                                 DREAM_INPUT_HAS_MAX_LENGTH});
}

TEST_F(SchemaTest, NumberRules) {
  EXPECT_EQ(input("whole").type, DREAM_INTEGER);
  EXPECT_EQ(input("whole").default_value, t::Value(2));
  EXPECT_EQ(input("whole").choices, (std::vector{t::Value(1), t::Value(2), t::Value(4)}));
  EXPECT_EQ(input("whole").flags, 0U);
  EXPECT_EQ(input("big").default_value, t::Value(1LL << 40));
  EXPECT_EQ(input("big").ge, -5);
  EXPECT_EQ(input("big").le, 2199023255552.0);
  EXPECT_EQ(input("number").type, DREAM_NUMBER);
  EXPECT_EQ(input("number").default_value, t::Value(1.0));
  EXPECT_EQ(input("number").flags, uint32_t{DREAM_INPUT_HAS_GE | DREAM_INPUT_HAS_LE});
  EXPECT_EQ(input("small_number").default_value, std::nullopt);
  EXPECT_EQ(input("flag").default_value, t::Value(true));
}

TEST_F(SchemaTest, OtherTypes) {
  EXPECT_EQ(input("file").type, DREAM_FILE);
  EXPECT_EQ(input("secret").type, DREAM_SECRET);
  EXPECT_EQ(input("any").type, DREAM_JSON);
  EXPECT_EQ(input("any").default_value, t::Value(dream::Json{"{\"a\":1}"}));
}

TEST_F(SchemaTest, ListsOptionalsAndUnions) {
  EXPECT_EQ(input("texts").type, DREAM_STRING);
  EXPECT_EQ(input("texts").flags, uint32_t{DREAM_INPUT_LIST});
  EXPECT_EQ(input("texts").default_value, t::Value(t::List{t::Value("x"), t::Value("y")}));
  EXPECT_EQ(input("files").type, DREAM_FILE);
  EXPECT_EQ(input("flags").default_value, t::Value(t::List{t::Value(true), t::Value(false)}));
  EXPECT_EQ(input("note").flags, uint32_t{DREAM_INPUT_NULLABLE});
  EXPECT_EQ(input("note").choices, (std::vector{t::Value("a"), t::Value("b")}));
  EXPECT_EQ(input("numbers").flags, uint32_t{DREAM_INPUT_NULLABLE | DREAM_INPUT_LIST});
  EXPECT_EQ(input("numbers").default_value, t::Value(t::List{}));
  EXPECT_EQ(input("either").any_of, uint32_t{1 << DREAM_STRING | 1 << DREAM_INTEGER});
  EXPECT_EQ(input("either").type, DREAM_STRING);
  EXPECT_EQ(input("either").default_value, t::Value(7));
  EXPECT_EQ(input("other_either").type, DREAM_INTEGER);
  EXPECT_EQ(input("other_either").default_value, t::Value("seven"));
  EXPECT_EQ(input("maybe_either").any_of, uint32_t{1 << DREAM_NUMBER | 1 << DREAM_BOOLEAN});
  EXPECT_EQ(input("maybe_either").flags, uint32_t{DREAM_INPUT_NULLABLE});
  EXPECT_EQ(input("mixed").flags, uint32_t{DREAM_INPUT_LIST});
  EXPECT_EQ(input("mixed").any_of, input("either").any_of);
}

TEST_F(SchemaTest, OutputAndConcurrency) {
  EXPECT_EQ(host_.declared().output_type, uint32_t{DREAM_FILE});
  EXPECT_EQ(host_.declared().output_kind, uint32_t{DREAM_ITERATOR});
  EXPECT_EQ(host_.declared().max_concurrency, 3U);
}

// A template whose describe() is given by the test.
struct FreeInputs {
  std::string text;
  int whole;
};

template <void (*Describe)(dream::Schema<FreeInputs>&)>
struct Free {
  using Inputs = FreeInputs;
  static void describe(dream::Schema<Inputs>& s) { Describe(s); }
  void run(const Inputs&, dream::Run&) {}
};

template <void (*Describe)(dream::Schema<FreeInputs>&)>
t::Outcome outcome_of_describe(t::TestHost& host) {
  static const dream_template entry =
      dream::detail::make_template<Free<Describe>>("free", "1", "A test.");
  return host.describe(entry);
}

using S = dream::Schema<FreeInputs>;
void nothing(S&) {}
void no_doc(S& s) {
  s.in(&FreeInputs::text, "text");
}
void twice(S& s) {
  s.in(&FreeInputs::text, "text").doc("A text");
  s.in(&FreeInputs::whole, "text").doc("Another");
}
void no_choice(S& s) {
  s.in(&FreeInputs::text, "text").doc("A text").choices({});
}
void too_large(S& s) {
  s.in(&FreeInputs::whole, "whole").doc("Whole").def(1LL << 40);
}
void no_runs(S& s) {
  s.max_concurrency(0);
}
void all_kinds(S& s) {
  s.output<std::string>(dream::concatenate);
  s.output<int>(dream::list);
  s.output<dream::Json>();
}

TEST(Describe, WithoutCallsTheOutputIsOneText) {
  t::TestHost host;
  EXPECT_TRUE(outcome_of_describe<nothing>(host));
  EXPECT_EQ(host.declared().output_type, uint32_t{DREAM_STRING});
  EXPECT_EQ(host.declared().output_kind, uint32_t{DREAM_SINGLE});
  EXPECT_EQ(host.declared().max_concurrency, 1U);
}

TEST(Describe, TheLastOutputCounts) {
  t::TestHost host;
  EXPECT_TRUE(outcome_of_describe<all_kinds>(host));
  EXPECT_EQ(host.declared().output_type, uint32_t{DREAM_JSON});
  EXPECT_EQ(host.declared().output_kind, uint32_t{DREAM_SINGLE});
}

TEST(Describe, MistakesAreInvalidInput) {
  t::TestHost host;
  const auto expect = [&](const t::Outcome& outcome, const std::string& text) {
    EXPECT_EQ(outcome.code, DREAM_INVALID_INPUT);
    EXPECT_NE(outcome.message.find(text), std::string::npos) << outcome.message;
  };
  expect(outcome_of_describe<no_doc>(host), "\"text\" has no description");
  expect(outcome_of_describe<twice>(host), "\"text\" is declared twice");
  expect(outcome_of_describe<no_choice>(host), "choices() needs at least one value");
  expect(outcome_of_describe<too_large>(host), "1099511627776 does not fit");
  expect(outcome_of_describe<no_runs>(host), "max_concurrency(0)");
  EXPECT_EQ(host.live_statuses, 0);
}

TEST(Describe, NeedsTheSchemaInterface) {
  t::TestHost host;
  host.hide(DREAM_SCHEMA_1);
  const t::Outcome outcome = outcome_of_describe<nothing>(host);
  EXPECT_EQ(outcome.code, DREAM_UNSUPPORTED);
  EXPECT_NE(outcome.message.find("dream.schema/1"), std::string::npos) << outcome.message;
}

}  // namespace
