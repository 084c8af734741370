// Nothing but a status leaves a template, whatever it throws and wherever it throws it.
#include <gtest/gtest.h>

#include <dream/template.hpp>
#include <dream/testing.hpp>
#include <new>

namespace t = dream::testing;

namespace {

struct Odd {};
struct Silent : std::exception {
  const char* what() const noexcept override { return ""; }
};

void throw_by_name(const std::string& what) {
  if (what == "invalid") throw dream::InvalidInput("seed: -5 is too small");
  if (what == "unsupported") throw dream::Unsupported("no GPU");
  if (what == "error") throw dream::Error("broken");
  if (what == "canceled") throw dream::Canceled();
  if (what == "std") throw std::runtime_error("a standard exception");
  if (what == "silent") throw Silent();
  if (what == "memory") throw std::bad_alloc();
  if (what == "int") throw 123;
  if (what == "odd") throw Odd();
  if (what == "text") throw "text";
}

// Throws in the function the test names.
class Thrower {
 public:
  struct Inputs {
    std::string what;
  };
  static inline std::string where, what;

  static void describe(dream::Schema<Inputs>& s) {
    if (where == "describe") throw_by_name(what);
    s.in(&Inputs::what, "what").doc("What to throw").def("nothing");
  }
  Thrower() {
    if (where == "create") throw_by_name(what);
  }
  ~Thrower() noexcept(false) {
    if (where == "destroy") throw_by_name(what);
  }
  void run(const Inputs& in, dream::Run& run) {
    if (in.what == "swallow") {
      try {
        run.checkpoint();
      } catch (const std::exception&) {
        return;  // a cancel must not end here
      }
    }
    if (in.what == "checkpoints") {
      for (;;) run.checkpoint();
    }
    throw_by_name(in.what);
  }
  void healthcheck() {
    if (where == "healthcheck") throw_by_name(what);
  }
};

const dream_template thrower = dream::detail::make_template<Thrower>("thrower", "1", "A test.");

class BarrierTest : public ::testing::Test {
 protected:
  void SetUp() override { Thrower::where = ""; }
  void TearDown() override {
    host_.destroy();
    EXPECT_EQ(host_.live_statuses, 0);
  }
  t::Outcome run(const std::string& what, int cancel_at = -1) {
    if (!created_) created_ = static_cast<bool>(host_.create(thrower));
    t::TestRun record;
    record.inputs = {{"what", t::Value(what)}};
    record.cancel_at_checkpoint = cancel_at;
    const t::Outcome outcome = host_.run(record);
    checkpoints_ = record.checkpoints;
    return outcome;
  }
  void throws_in(const std::string& where, const std::string& what) {
    Thrower::where = where;
    Thrower::what = what;
  }
  t::TestHost host_;
  bool created_ = false;
  int checkpoints_ = 0;
};

TEST_F(BarrierTest, RunTurnsEverythingIntoAStatus) {
  const auto expect = [&](const std::string& what, int code, const std::string& message) {
    const t::Outcome outcome = run(what);
    EXPECT_EQ(outcome.code, code) << what;
    EXPECT_EQ(outcome.message, message) << what;
  };
  expect("nothing", DREAM_OK, "");
  expect("invalid", DREAM_INVALID_INPUT, "seed: -5 is too small");
  expect("unsupported", DREAM_UNSUPPORTED, "no GPU");
  expect("error", DREAM_INTERNAL, "broken");
  expect("canceled", DREAM_CANCELED, "canceled");
  expect("std", DREAM_INTERNAL, "a standard exception");
  expect("memory", DREAM_INTERNAL, "out of memory");
  expect("int", DREAM_INTERNAL, "run() threw a value of type int, which is not a std::exception");
  expect("text", DREAM_INTERNAL,
         "run() threw a value of type char const*, which is not a std::exception");
  EXPECT_NE(run("odd").message.find("Odd"), std::string::npos);
  EXPECT_NE(run("silent").message.find("Silent"), std::string::npos);
}

TEST_F(BarrierTest, CancelEndsARunAtTheNextCheckpoint) {
  EXPECT_EQ(run("checkpoints", 3).code, DREAM_CANCELED);
  EXPECT_EQ(checkpoints_, 4);
  EXPECT_EQ(run("swallow", 0).code, DREAM_CANCELED);
  static_assert(!std::is_base_of_v<std::exception, dream::Canceled>);
}

TEST_F(BarrierTest, DescribeAndCreate) {
  throws_in("describe", "int");
  EXPECT_EQ(host_.create(thrower).code, DREAM_INTERNAL);
  throws_in("describe", "invalid");
  EXPECT_EQ(host_.create(thrower).code, DREAM_INVALID_INPUT);
  throws_in("create", "std");
  EXPECT_EQ(host_.create(thrower).message, "a standard exception");
  throws_in("create", "int");
  EXPECT_EQ(host_.create(thrower).message,
            "the constructor threw a value of type int, which is not a std::exception");
}

TEST_F(BarrierTest, Healthcheck) {
  ASSERT_TRUE(host_.create(thrower));
  EXPECT_TRUE(host_.healthcheck());
  throws_in("healthcheck", "error");
  EXPECT_EQ(host_.healthcheck().message, "broken");
}

TEST_F(BarrierTest, AThrowingDestructorIsLogged) {
  ASSERT_TRUE(host_.create(thrower));
  throws_in("destroy", "int");
  host_.destroy();
  ASSERT_EQ(host_.server_log.size(), 1U);
  EXPECT_EQ(host_.server_log[0].level, uint32_t{DREAM_LOG_ERROR});
  EXPECT_NE(host_.server_log[0].message.find("the destructor threw"), std::string::npos);
}

TEST(Status, BecomesTheExceptionOfItsCode) {
  t::TestHost fake;
  const dream_host* host = fake.abi();
  const auto check = [&](int code) {
    dream::detail::check(host, dream::detail::make_status(host, code, "why"));
  };
  EXPECT_NO_THROW(dream::detail::check(host, nullptr));
  EXPECT_THROW(check(DREAM_INVALID_INPUT), dream::InvalidInput);
  EXPECT_THROW(check(DREAM_CANCELED), dream::Canceled);
  EXPECT_THROW(check(DREAM_UNSUPPORTED), dream::Unsupported);
  for (const int code : {int{DREAM_INTERNAL}, 99}) {  // 99: a code of a later SDK
    try {
      check(code);
      FAIL();
    } catch (const dream::Error& error) {
      EXPECT_STREQ(error.what(), "why");
      EXPECT_EQ(error.code(), DREAM_INTERNAL);
    }
  }
  EXPECT_EQ(fake.live_statuses, 0);
}

}  // namespace
