// The test host tells a template's author what is wrong, as a real host would.
#include <gtest/gtest.h>

#include <dream/template.hpp>
#include <dream/testing.hpp>
#include <fstream>

namespace t = dream::testing;

namespace {

struct Picky {
  struct Inputs {
    std::string text;
    double number;
    std::optional<dream::File> file;
    std::vector<int> whole;
  };
  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::text, "text").doc("A text").min_length(2).max_length(4);
    s.in(&Inputs::number, "number").doc("A number").def(1.5).ge(1).le(2);
    s.in(&Inputs::file, "file").doc("A file");
    s.in(&Inputs::whole, "whole").doc("Numbers").def({1});
    s.output<std::string>(dream::list);
  }
  void run(const Inputs& in, dream::Run& run) {
    for (int i = 0; i < 5; ++i) run.checkpoint();
    run.emit(in.text);
    if (in.file) run.emit(in.file->path);
  }
};

class TestingTest : public ::testing::Test {
 protected:
  void refuses(const t::Inputs& inputs, const std::string& error) {
    const t::Result result = picky_.run(inputs);
    EXPECT_EQ(result.status, "failed");
    EXPECT_EQ(result.code, DREAM_INVALID_INPUT);
    EXPECT_EQ(result.error, error);
  }
  static inline const dream_template entry =
      dream::detail::make_template<Picky>("picky", "1", "A test.");
  t::TestHost host_;
  t::TestTemplate picky_ = host_.load(&entry);
};

TEST_F(TestingTest, ChecksInputsAsAHostDoes) {
  refuses({}, "input \"text\" is required");
  refuses({{"txt", "abc"}}, "input \"txt\" was not declared");
  refuses({{"prompt", "abc"}}, "input \"prompt\" was not declared");
  refuses({{"text", 1}}, "input \"text\": 1 is of type integer, declared is string, required");
  refuses({{"text", "ä"}}, "input \"text\": \"ä\" is too short");
  refuses({{"text", "abcde"}}, "input \"text\": \"abcde\" is too long");
  refuses({{"text", "abc"}, {"number", 2.5}}, "input \"number\": 2.5 is above 2");
  refuses({{"text", "abc"}, {"whole", t::List{1, "x"}}},
          "input \"whole\": \"x\" is of type string, declared is list of integer");
  refuses({{"text", "abc"}, {"whole", 1}}, "input \"whole\": is a list");
}

TEST_F(TestingTest, TakesWhatMayBeGiven) {
  const t::Result result =
      picky_.run({{"text", "abc"}, {"number", 2}, {"file", "/x"}, {"whole", t::List{}}});
  EXPECT_EQ(result.status, "succeeded") << result.error;
  EXPECT_EQ(result.outputs, (t::List{"abc", "/x"}));
}

TEST_F(TestingTest, CancelsTheNextRunOnly) {
  host_.cancel_after(3);
  const t::Result canceled = picky_.run({{"text", "abc"}});
  EXPECT_EQ(canceled.status, "canceled");
  EXPECT_EQ(canceled.checkpoints, 4);
  EXPECT_EQ(canceled.error, "");
  EXPECT_EQ(picky_.run({{"text", "abc"}}).status, "succeeded");
}

TEST_F(TestingTest, SchemaTextSaysEverything) {
  EXPECT_EQ(picky_.schema_text(),
            "input text: string, required, at least 2 characters, at most 4 characters\n  A text\n"
            "input number: number, default 1.5, at least 1, at most 2\n  A number\n"
            "input file: file, optional\n  A file\n"
            "input whole: list of integer, default [1]\n  Numbers\n"
            "output: string, list\nruns at once: 1\n");
}

TEST(Testing, ADefaultOutsideItsLimitsIsRefused) {
  struct Bad {
    struct Inputs {
      int whole;
    };
    static void describe(dream::Schema<Inputs>& s) {
      s.in(&Inputs::whole, "whole").doc("Whole").def(5).le(4);
    }
    void run(const Inputs&, dream::Run&) {}
  };
  static const dream_template entry = dream::detail::make_template<Bad>("bad", "1", "A test.");
  t::TestHost host;
  EXPECT_EQ(host.create(entry).message, "input \"whole\": 5 is above 4");
  EXPECT_THROW(host.load(&entry), std::runtime_error);
  EXPECT_THROW(host.load("/no/such/file.so"), std::runtime_error);
}

TEST(Testing, LeaksAreNamed) {
  t::TestHost host;
  {
    const dream::Image image = dream::Image::create(dream::Host(host.abi()), 1, 1);
    EXPECT_EQ(host.leaks(), "1 pictures\n");
  }
  EXPECT_EQ(host.leaks(), "");
}

TEST(Testing, SnapshotsAreCompared) {
  const std::string path = ::testing::TempDir() + "dream-snapshot.txt";
  std::ofstream(path) << "a\n";
  EXPECT_TRUE(t::matches_file("a\n", path));
  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(t::matches_file("b\n", path));
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("DREAM_UPDATE=1"), std::string::npos);
  setenv("DREAM_UPDATE", "1", 1);
  EXPECT_TRUE(t::matches_file("b\n", path));
  unsetenv("DREAM_UPDATE");
  EXPECT_TRUE(t::matches_file("b\n", path));
}

}  // namespace
