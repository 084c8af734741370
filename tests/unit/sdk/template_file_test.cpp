// The built libraries as a host meets them: loaded with dlopen and run on the fake host.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "fake_host.hpp"

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
  t::FakeHost host;
  ASSERT_TRUE(host.create(library.entry()));
  t::FakeRun run;
  const std::string path = std::filesystem::temp_directory_path() / "dream-echo-test.txt";
  std::ofstream(path) << "a \"file\"\n";
  run.inputs = {{"text", t::string("hi")},
                {"secret", t::secret("hush")},
                {"file", t::file(path)},
                {"any", t::json("{\"k\":[1]}")},
                {"either", t::integer(4)}};
  const t::Outcome outcome = host.run(run);
  std::filesystem::remove(path);
  ASSERT_TRUE(outcome) << outcome.message;
  ASSERT_EQ(run.emitted.size(), 1U);
  EXPECT_EQ(run.emitted[0],
            t::json("{\"text\":\"hi\",\"number\":1.5,\"count\":3,\"flag\":false,\"choice\":\"a\","
                    "\"numbers\":[],\"note\":null,\"secret\":\"***\",\"file\":{\"size\":9,"
                    "\"content\":\"a \\\"file\\\"\\u000a\"},\"any\":{\"k\":[1]},\"either\":4}"));
}

TEST(TemplateFile, CounterStreamsAndLogs) {
  const Library library(helper("counter"));
  t::FakeHost host;
  ASSERT_TRUE(host.create(library.entry()));
  EXPECT_EQ(host.declared().output_kind, uint32_t{DREAM_ITERATOR});
  t::FakeRun run;
  ASSERT_TRUE(host.run(run));
  EXPECT_EQ(run.emitted,
            (std::vector{t::string("item-0"), t::string("item-1"), t::string("item-2")}));
  EXPECT_EQ(run.logs.size(), 3U);
}

TEST(TemplateFile, SleeperReportsStepsAndHeedsACancel) {
  const Library library(helper("sleeper"));
  t::FakeHost host;
  ASSERT_TRUE(host.create(library.entry()));
  EXPECT_EQ(host.declared().max_concurrency, 16U);
  t::FakeRun run;
  run.inputs = {{"seconds", t::number(0.05)}, {"steps", t::integer(5)}};
  ASSERT_TRUE(host.run(run));
  EXPECT_EQ(run.progress.size(), 6U);
  EXPECT_EQ(run.progress.back().step, 5U);
  EXPECT_EQ(run.emitted, std::vector{t::string("done")});
  t::FakeRun canceled;
  canceled.inputs = {{"seconds", t::number(600)}};
  canceled.cancel_at_checkpoint = 2;
  EXPECT_EQ(host.run(canceled).code, DREAM_CANCELED);
  t::FakeRun failing;
  failing.inputs = {{"seconds", t::number(0)}, {"crash", t::string("out of paint")}};
  EXPECT_EQ(host.run(failing).message, "out of paint");
}

TEST(TemplateFile, FaultsStayBehindTheBarrier) {
  t::FakeHost host;
  const Library creating(helper("throws_in_create"));
  EXPECT_EQ(host.create(creating.entry()).message, "set-up failed on purpose");
  const Library throwing(helper("throws_int_in_run"));
  ASSERT_TRUE(host.create(throwing.entry()));
  t::FakeRun run;
  EXPECT_EQ(host.run(run).code, DREAM_INTERNAL);
  host.destroy();
}

TEST(TemplateFile, IsUnmappedWhenClosed) {
  const std::string path = helper("echo");
  {
    const Library library(path);
    t::FakeHost host;
    ASSERT_TRUE(host.create(library.entry()));
    t::FakeRun run;
    run.inputs = {{"text", t::string("hi")}};
    ASSERT_TRUE(host.run(run));
  }
  // A unique symbol that leaked out of the library would keep it.
  EXPECT_EQ(dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD), nullptr);
}

}  // namespace
