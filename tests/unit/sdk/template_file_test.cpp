// The built libraries as a host meets them: loaded with dlopen and run on the fake host.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <dream/testing.hpp>
#include <filesystem>
#include <fstream>

namespace t = dream::testing;

namespace {

// Loads a library of the tests' own templates for the length of a test.
class Library {
 public:
  explicit Library(const std::string& path) : handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) throw std::runtime_error(dlerror());
  }
  ~Library() { dlclose(handle_); }
  const dream_template& entry() const {
    const auto function =
        reinterpret_cast<dream_template_entry_fn>(dlsym(handle_, DREAM_TEMPLATE_ENTRY));
    if (function == nullptr) throw std::runtime_error(dlerror());
    return *function();
  }

 private:
  void* handle_;
};

std::string helper(const std::string& name) {
  return std::string(TEST_TEMPLATES_DIR) + "/" + name + ".so";
}

TEST(TemplateFile, EntrySaysWhatItIs) {
  const Library library(helper("echo"));
  const dream_template& entry = library.entry();
  EXPECT_EQ(entry.struct_size, sizeof(dream_template));
  EXPECT_EQ(entry.sdk_major, uint32_t{DREAM_SDK_MAJOR});
  EXPECT_EQ(entry.sdk_minor, uint32_t{DREAM_SDK_MINOR});
  EXPECT_STREQ(entry.name, "echo");
  EXPECT_EQ(entry.healthcheck, nullptr);
}

TEST(TemplateFile, EchoGivesBackEveryType) {
  const Library library(helper("echo"));
  t::TestHost host;
  ASSERT_TRUE(host.create(library.entry()));
  t::TestRun run;
  const std::string path = std::filesystem::temp_directory_path() / "dream-echo-test.txt";
  std::ofstream(path) << "a \"file\"\n";
  run.inputs = {{"text", t::Value("hi")},
                {"secret", t::Value(dream::Secret("hush"))},
                {"file", t::Value(dream::File{path})},
                {"any", t::Value(dream::Json{"{\"k\":[1]}"})},
                {"either", t::Value(4)}};
  const t::Outcome outcome = host.run(run);
  std::filesystem::remove(path);
  ASSERT_TRUE(outcome) << outcome.message;
  ASSERT_EQ(run.outputs.size(), 1U);
  EXPECT_EQ(run.outputs[0],
            t::Value(dream::Json{
                "{\"text\":\"hi\",\"number\":1.5,\"count\":3,\"flag\":false,\"choice\":\"a\","
                "\"numbers\":[],\"note\":null,\"secret\":\"***\",\"file\":{\"size\":9,"
                "\"content\":\"a \\\"file\\\"\\n\"},\"any\":{\"k\":[1]},\"either\":4}"}));
}

TEST(TemplateFile, CounterStreamsAndLogs) {
  const Library library(helper("counter"));
  t::TestHost host;
  ASSERT_TRUE(host.create(library.entry()));
  EXPECT_EQ(host.declared().output_kind, uint32_t{DREAM_ITERATOR});
  t::TestRun run;
  ASSERT_TRUE(host.run(run));
  EXPECT_EQ(run.outputs, (std::vector{t::Value("item-0"), t::Value("item-1"), t::Value("item-2")}));
  EXPECT_EQ(run.logs.size(), 3U);
}

TEST(TemplateFile, SleeperReportsStepsAndHeedsACancel) {
  const Library library(helper("sleeper"));
  t::TestHost host;
  ASSERT_TRUE(host.create(library.entry()));
  EXPECT_EQ(host.declared().max_concurrency, 16U);
  t::TestRun run;
  run.inputs = {{"seconds", t::Value(0.05)}, {"steps", t::Value(5)}};
  ASSERT_TRUE(host.run(run));
  EXPECT_EQ(run.progress.size(), 6U);
  EXPECT_EQ(run.progress.back().step, 5U);
  EXPECT_EQ(run.outputs, std::vector{t::Value("done")});
  t::TestRun canceled;
  canceled.inputs = {{"seconds", t::Value(600)}};
  canceled.cancel_at_checkpoint = 2;
  EXPECT_EQ(host.run(canceled).code, DREAM_CANCELED);
  t::TestRun failing;
  failing.inputs = {{"seconds", t::Value(0)}, {"crash", t::Value("out of paint")}};
  EXPECT_EQ(host.run(failing).message, "out of paint");
}

TEST(TemplateFile, FaultsStayBehindTheBarrier) {
  t::TestHost host;
  const Library creating(helper("throws_in_create"));
  EXPECT_EQ(host.create(creating.entry()).message, "set-up failed on purpose");
  const Library throwing(helper("throws_int_in_run"));
  ASSERT_TRUE(host.create(throwing.entry()));
  t::TestRun run;
  EXPECT_EQ(host.run(run).code, DREAM_INTERNAL);
  host.destroy();
}

TEST(TemplateFile, OneBuiltOnSdk10StillRuns) {
  t::TestHost host;
  auto echo = host.load(STORED_TEMPLATE);
  const t::Result result = echo.run({{"text", "hi"}, {"numbers", t::List{1, 2}}});
  EXPECT_EQ(result.status, "succeeded") << result.error;
  ASSERT_EQ(result.outputs.size(), 1U);
  EXPECT_EQ(result.outputs[0].text.find("{\"text\":\"hi\",\"number\":1.5"), 0U);
  EXPECT_NE(result.outputs[0].text.find("\"numbers\":[1,2]"), std::string::npos);
}

TEST(TemplateFile, IsUnmappedWhenClosed) {
  const std::string path = helper("echo");
  {
    const Library library(path);
    t::TestHost host;
    ASSERT_TRUE(host.create(library.entry()));
    t::TestRun run;
    run.inputs = {{"text", t::Value("hi")}};
    ASSERT_TRUE(host.run(run));
  }
  // A unique symbol that leaked out of the library would keep it.
  EXPECT_EQ(dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD), nullptr);
}

}  // namespace
