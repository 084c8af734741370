#include "host/worker/sdk_host/run.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "host/worker/cancels.hpp"
#include "host/worker/sdk_host/interfaces.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"
#include "host/worker/sdk_host/status.hpp"

namespace dream::worker {
namespace {
namespace fs = std::filesystem;

dream_value integer(std::int64_t number) {
  dream_value value{};
  value.struct_size = sizeof value;
  value.type = DREAM_INTEGER;
  value.as.integer = number;
  return value;
}

dream_value text(std::string_view string, dream_type type = DREAM_STRING) {
  dream_value value{};
  value.struct_size = sizeof value;
  value.type = type;
  value.as.string = to_str(string);
  return value;
}

InputSpec spec(const char* name, dream_type type) {
  InputSpec input;
  input.name = name;
  input.type = type;
  input.description = "x";
  return input;
}

std::string taken(dream_status* status) {
  const std::string message = status == nullptr ? "" : std::string(status_message(status));
  free_status(status);
  return message;
}

class RunTest : public testing::Test {
 protected:
  RunTest() {
    std::string pattern = (fs::temp_directory_path() / "dream-test-XXXXXX").native();
    folder_ = mkdtemp(pattern.data());
  }
  ~RunTest() override { fs::remove_all(folder_); }

  std::unique_ptr<dream_run> start(nlohmann::json input = nlohmann::json::object()) {
    return std::make_unique<dream_run>(
        schema_, RunRequest{"p1", "t", std::move(input), folder_ / "out"},
        [this](const nlohmann::json& message) { sent_.push_back(message); }, canceled_);
  }
  fs::path write(const fs::path& path, const std::string& content = "content") {
    std::ofstream(path) << content;
    return path;
  }

  fs::path folder_;
  TemplateSchema schema_;
  std::atomic<bool> canceled_{false};
  std::vector<nlohmann::json> sent_;
};

TEST_F(RunTest, binds_inputs_by_their_declaration) {
  InputSpec both = spec("both", DREAM_NUMBER);
  both.any_of = {DREAM_NUMBER, DREAM_STRING};
  InputSpec list = spec("list", DREAM_INTEGER);
  list.list = true;
  InputSpec maybe = spec("maybe", DREAM_STRING);
  maybe.nullable = true;
  schema_.add(both);
  schema_.add(list);
  schema_.add(maybe);
  schema_.add(spec("json", DREAM_JSON));
  const auto run =
      start({{"both", "x"}, {"list", {1, 2.0}}, {"json", {{"a", nullptr}}}, {"undeclared", 1}});
  EXPECT_EQ(run->input("both")->type, static_cast<std::uint32_t>(DREAM_STRING));
  ASSERT_EQ(run->input("list")->as.items.size, 2U);
  EXPECT_EQ(run->input("list")->as.items.data[1]->as.integer, 2);
  EXPECT_EQ(run->input("maybe"), nullptr);
  EXPECT_EQ(view(run->input("json")->as.string, ""), R"({"a":null})");
  EXPECT_THROW(run->input("undeclared"), SdkError);
}

TEST_F(RunTest, the_c_functions_report_and_survive_null) {
  schema_.add(spec("text", DREAM_STRING));
  const auto run = start({{"text", "hello"}});
  const dream_run_1& api = run_interface();
  const dream_value* value = nullptr;
  EXPECT_EQ(api.input(run.get(), to_str("text"), &value), nullptr);
  EXPECT_EQ(view(value->as.string, ""), "hello");
  EXPECT_EQ(taken(api.input(run.get(), to_str("nope"), &value)),
            "the template declares no input 'nope'");
  EXPECT_EQ(value, nullptr);
  EXPECT_NE(taken(api.input(nullptr, to_str("text"), &value)), "");
  EXPECT_NE(taken(api.input(run.get(), to_str("text"), nullptr)), "");
  EXPECT_NE(taken(api.emit(run.get(), nullptr)), "");
  EXPECT_NE(taken(api.checkpoint(nullptr)), "");
  api.progress(nullptr, 1, 1, {});
  EXPECT_EQ(api.temp_folder(nullptr).size, 0U);
}

TEST_F(RunTest, a_single_output_takes_one_value_of_its_type) {
  schema_.set_output(DREAM_INTEGER, DREAM_SINGLE);
  const auto run = start();
  EXPECT_THROW(run->emit(text("x")), SdkError);
  run->emit(integer(3));
  EXPECT_THROW(run->emit(integer(4)), SdkError);
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0], (nlohmann::json{{"type", "output"}, {"value", 3}}));
}

TEST_F(RunTest, output_types) {
  schema_.set_output(DREAM_NUMBER, DREAM_ITERATOR);
  const auto run = start();
  run->emit(integer(1));
  dream_value number = integer(0);
  number.type = DREAM_NUMBER;
  number.as.number = NAN;
  EXPECT_THROW(run->emit(number), SdkError);
  number.type = 99;
  EXPECT_THROW(run->emit(number), SdkError);
  number.struct_size = 4;
  EXPECT_THROW(run->emit(number), SdkError);

  schema_.set_output(DREAM_JSON, DREAM_ITERATOR);
  run->emit(text(R"({"a": [1]})", DREAM_JSON));
  EXPECT_EQ(sent_.back()["value"]["a"][0], 1);
  EXPECT_THROW(run->emit(text("{", DREAM_JSON)), SdkError);
  EXPECT_THROW(run->emit(text(std::string(100000, '['), DREAM_JSON)), SdkError);
  EXPECT_THROW(run->emit(text("hush", DREAM_SECRET)), SdkError);
}

TEST_F(RunTest, moves_its_own_files_and_copies_others) {
  schema_.set_output(DREAM_FILE, DREAM_ITERATOR);
  const auto run = start();
  const fs::path own = write(fs::path(run->temp_folder()) / "own.png");
  run->emit_file(own, "a.png");
  EXPECT_FALSE(fs::exists(own));
  const fs::path users = write(folder_ / "photo.jpg");
  run->emit_file(users, "a.png");
  EXPECT_TRUE(fs::exists(users));
  ASSERT_EQ(sent_.size(), 2U);
  EXPECT_EQ(sent_[0]["name"], "a.png");
  EXPECT_EQ(sent_[0]["media_type"], "image/png");
  EXPECT_EQ(sent_[0]["path"], (folder_ / "out/a.png").native());
  EXPECT_EQ(sent_[1]["path"], (folder_ / "out/a-2.png").native());
  EXPECT_TRUE(fs::exists(folder_ / "out/a-2.png"));
}

TEST_F(RunTest, refuses_bad_names_and_missing_files) {
  schema_.set_output(DREAM_FILE, DREAM_SINGLE);
  const auto run = start();
  const fs::path file = write(folder_ / "x.png");
  for (const char* name : {"", "../x.png", "a/b", ".hidden", "a\nb"})
    EXPECT_THROW(run->emit_file(file, name), SdkError) << name;
  EXPECT_THROW(run->emit_file(folder_ / "missing", "x.png"), SdkError);
  EXPECT_THROW(run->emit_file(folder_, "x.png"), SdkError);
  run->emit_file(file, "x.png");  // the failures did not count as the single output
}

TEST_F(RunTest, the_temporary_folder_goes_with_the_run) {
  auto run = start();
  const fs::path folder = run->temp_folder();
  write(folder / "x");
  EXPECT_EQ(run->temp_folder(), folder);
  run.reset();
  EXPECT_FALSE(fs::exists(folder));
  EXPECT_TRUE(fs::exists(folder_ / "out"));
}

TEST_F(RunTest, a_checkpoint_says_when_it_is_canceled) {
  const auto run = start();
  EXPECT_EQ(run_interface().checkpoint(run.get()), nullptr);
  canceled_ = true;
  dream_status* status = run_interface().checkpoint(run.get());
  ASSERT_NE(status, nullptr);
  EXPECT_EQ(status_code(status), DREAM_CANCELED);
  free_status(status);
}

TEST_F(RunTest, metrics_and_logs_are_sent_as_they_are) {
  const auto run = start();
  run->metric("a.b", 2, "increment");
  EXPECT_EQ(
      sent_.back(),
      (nlohmann::json{{"type", "metric"}, {"name", "a.b"}, {"value", 2}, {"mode", "increment"}}));
  const dream_value value = integer(1);
  EXPECT_EQ(taken(metric_interface().record(run.get(), to_str("1"), &value, 0)),
            "metric name segment '1' must start with a letter");
  EXPECT_NE(taken(metric_interface().record(run.get(), to_str("a"), &value, 9)), "");
  log_interface().log(nullptr, run.get(), DREAM_LOG_WARNING, to_str("careful"));
  EXPECT_EQ(sent_.back(),
            (nlohmann::json{{"type", "log"}, {"level", "warning"}, {"message", "careful"}}));
  log_interface().log(nullptr, nullptr, 77, to_str("nobody listens"));
}

TEST(ProgressLimit, lets_through_first_last_labels_and_twenty_a_second) {
  ProgressLimit limit;
  const auto start = std::chrono::steady_clock::now();
  const auto at = [&](int ms) { return start + std::chrono::milliseconds(ms); };
  EXPECT_TRUE(limit.pass(1, 1000, "a", at(0)));
  EXPECT_FALSE(limit.pass(2, 1000, "a", at(10)));
  EXPECT_TRUE(limit.pass(3, 1000, "b", at(11)));
  EXPECT_TRUE(limit.pass(1000, 1000, "b", at(12)));
  int passed = 0;
  for (int ms = 100; ms < 1100; ++ms) passed += limit.pass(5, 1000, "b", at(ms));
  EXPECT_EQ(passed, 20);
}

TEST(Status, keeps_code_and_text) {
  dream_status* status = make_status(DREAM_UNSUPPORTED, "no");
  EXPECT_EQ(status_code(status), DREAM_UNSUPPORTED);
  EXPECT_EQ(status_message(status), "no");
  free_status(status);
  free_status(nullptr);
  status = guarded([] { throw std::bad_alloc(); });
  EXPECT_EQ(status_message(status), "out of memory");
  free_status(status);
  status = guarded([] { throw engine::InvalidInput("width"); });
  EXPECT_EQ(status_code(status), DREAM_INVALID_INPUT);
  free_status(status);
  status = guarded([] { throw 1; });
  EXPECT_EQ(status_code(status), DREAM_INTERNAL);
  free_status(status);
  status = make_status(4711, "");
  EXPECT_EQ(status_code(status), DREAM_INTERNAL);
  free_status(status);
}

TEST(Cancels, reach_the_running_one_and_the_one_to_come) {
  Cancels cancels;
  const auto running = cancels.begin(0, "a");
  cancels.cancel(1, "a");
  EXPECT_FALSE(*running);
  cancels.cancel(0, "a");
  EXPECT_TRUE(*running);
  cancels.end(0);
  EXPECT_TRUE(*cancels.begin(1, "a"));
  EXPECT_FALSE(*cancels.begin(1, "a"));
  const auto other = cancels.begin(2, "b");
  cancels.cancel_all();
  EXPECT_TRUE(*other);
}

TEST(Cancels, forget_the_oldest_of_a_thousand) {
  Cancels cancels;
  for (int i = 0; i <= 1000; ++i) cancels.cancel(0, std::to_string(i));
  EXPECT_FALSE(*cancels.begin(0, "0"));
  EXPECT_TRUE(*cancels.begin(0, "1"));
  EXPECT_TRUE(*cancels.begin(0, "1000"));
}

}  // namespace
}  // namespace dream::worker
