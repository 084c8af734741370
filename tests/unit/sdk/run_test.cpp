// What a run receives, and what it gives: values of every type, files, logs, metrics, progress.
#include <gtest/gtest.h>

#include <dream/template.hpp>
#include <dream/testing.hpp>
#include <fstream>
#include <functional>

namespace t = dream::testing;

namespace {

// The body of run() is set by each test.
class Probe {
 public:
  struct Inputs {
    std::string text;
    int whole;
    int8_t tiny;
    double number;
    bool flag;
    std::optional<dream::File> file;
    std::optional<dream::Secret> secret;
    std::optional<dream::Json> any;
    std::vector<std::string> texts;
    std::optional<std::vector<double>> numbers;
    std::optional<std::variant<std::string, int, double>> either;
    std::optional<std::variant<std::string, double>> text_or_number;
  };
  using Body = std::function<void(const Inputs&, dream::Run&)>;
  static inline Body body;
  static inline void (*output)(dream::Schema<Inputs>&) = nullptr;

  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::text, "text").doc("Text").def("hello");
    s.in(&Inputs::whole, "whole").doc("Whole").def(-3);
    s.in(&Inputs::tiny, "tiny").doc("Tiny").def(0);
    s.in(&Inputs::number, "number").doc("Number").def(0.5);
    s.in(&Inputs::flag, "flag").doc("Flag").def(true);
    s.in(&Inputs::file, "file").doc("File");
    s.in(&Inputs::secret, "secret").doc("Secret");
    s.in(&Inputs::any, "any").doc("JSON");
    s.in(&Inputs::texts, "texts").doc("Texts").def({"a", "b"});
    s.in(&Inputs::numbers, "numbers").doc("Numbers");
    s.in(&Inputs::either, "either").doc("Either");
    s.in(&Inputs::text_or_number, "text_or_number").doc("Text or number");
    if (output != nullptr) output(s);
  }
  void run(const Inputs& in, dream::Run& run) { body(in, run); }
};

class RunTest : public ::testing::Test {
 protected:
  void TearDown() override {
    host_.destroy();
    EXPECT_EQ(host_.live_statuses, 0);
  }

  t::Outcome run(Probe::Body body) {
    static const dream_template entry =
        dream::detail::make_template<Probe>("probe", "1", "A test.");
    Probe::body = std::move(body);
    const t::Outcome created = host_.create(entry);
    return created ? host_.run(record_) : created;
  }

  template <class Value, dream_output_kind Kind>
  void declare_output() {
    Probe::output = [](dream::Schema<Probe::Inputs>& s) {
      s.output<Value>(dream::OutputKind<Kind>());
    };
  }

  t::TestHost host_;
  t::TestRun record_;
};

TEST_F(RunTest, DefaultsArriveWhenNothingIsGiven) {
  EXPECT_TRUE(run([](const Probe::Inputs& in, dream::Run&) {
    EXPECT_EQ(in.text, "hello");
    EXPECT_EQ(in.whole, -3);
    EXPECT_EQ(in.number, 0.5);
    EXPECT_TRUE(in.flag);
    EXPECT_FALSE(in.file);
    EXPECT_FALSE(in.secret);
    EXPECT_FALSE(in.any);
    EXPECT_EQ(in.texts, (std::vector<std::string>{"a", "b"}));
    EXPECT_FALSE(in.numbers);
    EXPECT_FALSE(in.either);
  }));
}

TEST_F(RunTest, GivenValuesArrive) {
  const std::string with_nul("ünï\0code", 10);
  record_.inputs = {{"text", t::Value(with_nul)},
                    {"whole", t::Value(-2147483648LL)},
                    {"number", t::Value(4)},  // a whole number where a number is declared
                    {"flag", t::Value(false)},
                    {"file", t::Value(dream::File{"/tmp/x.png"})},
                    {"secret", t::Value(dream::Secret("hush"))},
                    {"any", t::Value(dream::Json{"[1,2]"})},
                    {"texts", t::Value(t::List{})},
                    {"numbers", t::Value(t::List{t::Value(1.5), t::Value(2)})},
                    {"either", t::Value(2.5)},
                    {"text_or_number", t::Value(9)}};
  EXPECT_TRUE(run([&](const Probe::Inputs& in, dream::Run&) {
    EXPECT_EQ(in.text, with_nul);
    EXPECT_EQ(in.whole, -2147483648LL);
    EXPECT_EQ(in.number, 4);
    EXPECT_FALSE(in.flag);
    EXPECT_EQ(in.file.value().path, "/tmp/x.png");
    EXPECT_EQ(in.secret.value().reveal(), "hush");
    EXPECT_EQ(in.any.value().text, "[1,2]");
    EXPECT_TRUE(in.texts.empty());
    EXPECT_EQ(in.numbers, (std::vector<double>{1.5, 2}));
    EXPECT_EQ(std::get<double>(in.either.value()), 2.5);
    EXPECT_EQ(std::get<double>(in.text_or_number.value()), 9);
  }));
}

TEST_F(RunTest, UnionsKeepTheTypeThatWasSent) {
  record_.inputs = {{"either", t::Value(5)}};
  EXPECT_TRUE(run([](const Probe::Inputs& in, dream::Run&) {
    EXPECT_EQ(std::get<int>(in.either.value()), 5);
  }));
  record_.inputs = {{"either", t::Value("5")}};
  EXPECT_TRUE(run([](const Probe::Inputs& in, dream::Run&) {
    EXPECT_EQ(std::get<std::string>(in.either.value()), "5");
  }));
}

TEST_F(RunTest, IntegersThatDoNotFitAreRefusedByName) {
  record_.inputs = {{"tiny", t::Value(200)}};
  const t::Outcome outcome = run([](const Probe::Inputs&, dream::Run&) { FAIL(); });
  EXPECT_EQ(outcome.code, DREAM_INVALID_INPUT);
  EXPECT_EQ(outcome.message, "input \"tiny\": 200 is out of range; allowed are -128 to 127");
}

TEST_F(RunTest, ValuesOfAnotherTypeAreRefusedByName) {
  const std::vector<std::pair<std::string, t::Value>> wrong = {
      {"text", t::Value(1)},
      {"whole", t::Value(1.5)},
      {"flag", t::Value("yes")},
      {"texts", t::Value("a")},
      {"texts", t::Value(t::List{t::Value(1)})},
      {"either", t::Value(true)},
      {"file", t::Value("/etc/passwd")}};
  for (const auto& [name, value] : wrong) {
    record_.inputs = {{name, value}};
    const t::Outcome outcome = run([](const Probe::Inputs&, dream::Run&) { FAIL(); });
    EXPECT_EQ(outcome.code, DREAM_INTERNAL) << name;
    EXPECT_NE(outcome.message.find("input \"" + name + "\""), std::string::npos) << outcome.message;
  }
}

TEST_F(RunTest, OutputsOfEveryType) {
  const auto emitted = [&](auto&& value) {
    record_.outputs.clear();
    const t::Outcome outcome = run([&](const Probe::Inputs&, dream::Run& r) { r.emit(value); });
    EXPECT_TRUE(outcome) << outcome.message;
    return record_.outputs.empty() ? t::Value() : record_.outputs.front();
  };
  declare_output<std::string, DREAM_SINGLE>();
  EXPECT_EQ(emitted("literal"), t::Value("literal"));
  EXPECT_EQ(emitted(std::string("text")), t::Value("text"));
  EXPECT_EQ(emitted(std::string_view("view")), t::Value("view"));
  declare_output<int64_t, DREAM_SINGLE>();
  EXPECT_EQ(emitted(7), t::Value(7));
  EXPECT_EQ(emitted(1LL << 40), t::Value(1LL << 40));
  declare_output<double, DREAM_SINGLE>();
  EXPECT_EQ(emitted(0.25), t::Value(0.25));
  declare_output<bool, DREAM_SINGLE>();
  EXPECT_EQ(emitted(true), t::Value(true));
  declare_output<dream::Json, DREAM_SINGLE>();
  EXPECT_EQ(emitted(dream::Json{"{}"}), t::Value(dream::Json{"{}"}));
}

TEST_F(RunTest, AWrongOutputIsTheTemplatesError) {
  declare_output<std::string, DREAM_SINGLE>();
  const auto wrong_type = run([](const Probe::Inputs&, dream::Run& r) { r.emit(1); });
  EXPECT_EQ(wrong_type.code, DREAM_INVALID_INPUT);
  const auto second = run([](const Probe::Inputs&, dream::Run& r) {
    r.emit("one");
    EXPECT_THROW(r.emit("two"), dream::InvalidInput);
  });
  EXPECT_TRUE(second) << second.message;
  EXPECT_EQ(record_.outputs, std::vector{t::Value("one")});
}

TEST_F(RunTest, FilesAreHandedOverUnderTheirOwnOrAnotherName) {
  declare_output<dream::File, DREAM_ITERATOR>();
  const auto outcome = run([](const Probe::Inputs&, dream::Run& r) {
    const std::string path = r.temp_folder() + "/a.txt";
    std::ofstream(path) << "content";
    r.emit(dream::File{path});
    r.emit(dream::File{path}, "seed-7.png");
    EXPECT_THROW(r.emit(dream::File{"/no/such/file"}), dream::InvalidInput);
  });
  EXPECT_TRUE(outcome) << outcome.message;
  ASSERT_EQ(record_.files.size(), 2U);
  EXPECT_EQ(record_.files[0].name, "a.txt");
  EXPECT_EQ(record_.files[1].name, "seed-7.png");
  EXPECT_EQ(record_.files[1].content, "content");
}

TEST_F(RunTest, LogsProgressAndId) {
  EXPECT_TRUE(run([](const Probe::Inputs&, dream::Run& r) {
    r.debug("d");
    r.info("i");
    r.warning("w");
    r.error("e");
    r.progress(1, 4);
    r.progress(2, 4, "half");
    EXPECT_EQ(r.id(), "fake-run");
  }));
  ASSERT_EQ(record_.logs.size(), 4U);
  for (uint32_t level = 0; level < 4; ++level) EXPECT_EQ(record_.logs[level].level, level);
  EXPECT_EQ(record_.logs[2].message, "w");
  ASSERT_EQ(record_.progress.size(), 2U);
  EXPECT_EQ(record_.progress[1].step, 2U);
  EXPECT_EQ(record_.progress[1].steps, 4U);
  EXPECT_EQ(record_.progress[1].label, "half");
}

TEST_F(RunTest, Metrics) {
  EXPECT_TRUE(run([](const Probe::Inputs&, dream::Run& r) {
    r.metric("images", 2);
    r.metric("images", 1, dream::MetricMode::increment);
    r.metric("stage.names", "unet", dream::MetricMode::append);
    r.metric("speed", 1.5);
    r.remove_metric("speed");
    EXPECT_THROW(r.metric("", 1), dream::InvalidInput);
  }));
  ASSERT_EQ(record_.metrics.size(), 5U);
  EXPECT_EQ(record_.metrics[0].value, t::Value(2));
  EXPECT_EQ(record_.metrics[0].mode, uint32_t{DREAM_METRIC_REPLACE});
  EXPECT_EQ(record_.metrics[1].mode, uint32_t{DREAM_METRIC_INCREMENT});
  EXPECT_EQ(record_.metrics[2].value, t::Value("unet"));
  EXPECT_EQ(record_.metrics[2].mode, uint32_t{DREAM_METRIC_APPEND});
  EXPECT_EQ(record_.metrics[3].value, t::Value(1.5));
  EXPECT_EQ(record_.metrics[4].value, t::Value());
}

TEST_F(RunTest, InterfacesAreAskedForOnce) {
  const auto work = [](const Probe::Inputs&, dream::Run& r) {
    for (int i = 0; i < 10; ++i) {
      r.info("again");
      r.metric("again", i);
    }
  };
  EXPECT_TRUE(run(work));
  EXPECT_TRUE(host_.run(record_));
  EXPECT_EQ(host_.queries[DREAM_RUN_1], 1);
  EXPECT_EQ(host_.queries[DREAM_LOG_1], 1);
  EXPECT_EQ(host_.queries[DREAM_METRIC_1], 1);
}

TEST_F(RunTest, AMissingInterfaceIsNamedWithTheRemedy) {
  host_.hide(DREAM_METRIC_1);
  const auto outcome = run([](const Probe::Inputs&, dream::Run& r) { r.metric("a", 1); });
  EXPECT_EQ(outcome.code, DREAM_UNSUPPORTED);
  EXPECT_EQ(
      outcome.message,
      "this host offers SDK 1.3 without the interface \"dream.metric/1\", which this template "
      "(built with SDK 1.3) needs: update the host, or use a host built with it");
}

TEST_F(RunTest, AHostWithoutLogsIsNoFailure) {
  host_.hide(DREAM_LOG_1);
  EXPECT_TRUE(run([](const Probe::Inputs&, dream::Run& r) { r.info("nobody listens"); }));
}

TEST_F(RunTest, TheContextIsWhatTheSenderSaid) {
  record_.context = {{"user", "fox"}, {"empty", ""}};
  std::vector<std::optional<std::string>> told;
  const auto ask = [&](const Probe::Inputs&, dream::Run& r) {
    told = {r.context("user"), r.context("empty"), r.context("nothing")};
  };
  EXPECT_TRUE(run(ask));
  const std::vector<std::optional<std::string>> expected{"fox", "", std::nullopt};
  EXPECT_EQ(told, expected);
  host_.cut(DREAM_RUN_1, offsetof(dream_run_1, context));  // a host of 1.1
  EXPECT_TRUE(run(ask));
  EXPECT_EQ(told, std::vector<std::optional<std::string>>(3));
}

TEST_F(RunTest, AnOlderInterfaceLacksItsLastFunctions) {
  host_.cut(DREAM_RUN_1, offsetof(dream_run_1, temp_folder));
  const auto outcome = run([](const Probe::Inputs&, dream::Run& r) {
    r.checkpoint();
    r.progress(1, 1);  // still there
    r.temp_folder();
  });
  EXPECT_EQ(outcome.code, DREAM_UNSUPPORTED);
  EXPECT_NE(outcome.message.find("temp_folder() of the interface \"dream.run/1\""),
            std::string::npos)
      << outcome.message;
  EXPECT_EQ(record_.progress.size(), 1U);
}

}  // namespace
