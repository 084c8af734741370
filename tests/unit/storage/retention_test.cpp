// What is removed, and that nothing goes which somebody needs: whoever records it at that moment,
// and wherever a remover is killed.
#include "host/storage/retention.hpp"

#include <signal.h>

#include <atomic>
#include <random>
#include <thread>

#include "database_fixture.hpp"
#include "host/storage/blob_rows.hpp"
#include "host/storage/files.hpp"
#include "host/storage/predictions.hpp"
#include "host/storage/replies.hpp"
#include "host/storage/reports.hpp"
#include "sample_training.hpp"

namespace dream::host {
namespace {

constexpr Micros day = 24 * 3600 * second;
const RetentionRules forever{std::nullopt, std::nullopt, std::nullopt, day, day, day};
const RetentionRules at_once{0, 0, 0, 0, 0, 0};

bool always() {
  return true;
}

std::optional<NewDelivery> no_webhook(const StoredPrediction&, const std::string&) {
  return std::nullopt;
}

std::unique_ptr<BlobStore> open_announced(const std::filesystem::path& folder, sql::Pool& pool,
                                          Micros grace = 0) {
  return open_blob_directory(
      folder, [&pool, grace](const Blob& blob) { announce_blob(pool, blob, grace); });
}

Blob put(BlobStore& store, const std::string& content) {
  const auto writer = store.write();
  writer->write(content);
  return writer->finish();
}

// Kills its process in the middle of removing a blob.
class DeadlyStore : public BlobStore {
 public:
  DeadlyStore(BlobStore& store, bool is_after) : store_(store), is_after_(is_after) {}
  std::unique_ptr<BlobWriter> write() override { return store_.write(); }
  Blob adopt(const std::filesystem::path& path) override { return store_.adopt(path); }
  std::optional<BlobFile> open(const std::string& sha256) override { return store_.open(sha256); }
  void remove(const std::string& sha256) override {
    if (is_after_) store_.remove(sha256);
    ::raise(SIGKILL);
  }
  std::vector<std::string> idle_here(std::chrono::seconds age) override {
    return store_.idle_here(age);
  }
  bool drop_copy(const std::string&) override { return false; }
  std::filesystem::path scratch() const override { return store_.scratch(); }

 private:
  BlobStore& store_;
  bool is_after_;
};

class RetentionTest : public DatabaseTest {
 protected:
  bool has(const std::string& sha256) { return store_->open(sha256).has_value(); }
  std::int64_t count(const std::string& table, const std::string& condition = "1 = 1") {
    return pool().with([&](sql::Database& database) {
      return database.run("SELECT COUNT(*) FROM " + table + " WHERE " + condition)
          .first()
          ->integer(0);
    });
  }
  FileRecord file(const std::string& id, const std::string& content,
                  const std::string& purpose = "upload") {
    FileRecord record;
    record.id = id;
    record.account = "anna";
    record.purpose = purpose;
    record.sha256 = put(*store_, content).sha256;
    record.created_at = now_micros();
    return record;
  }
  Removed run(const RetentionRules& rules) {
    return Retention(pool(), *store_, rules).run(always);
  }
  void predict(const std::string& id, const std::string& weights,
               const std::vector<std::string>& inputs = {}) {
    NewStoredPrediction prediction{id, "anna", "anna", "me", std::string(64, 'a'),
                                   {"texts", weights}, "{}", {}, {}, {}, inputs};
    ASSERT_TRUE(predictions_.create(prediction, 0));
  }
  void end_prediction(const std::string& id) { ASSERT_TRUE(predictions_.cancel(id)); }
  void end_training(const std::string& id) {
    ASSERT_TRUE(trainings_.cancel(id));
    while (const auto delivery = deliveries_.claim("one", second))
      deliveries_.delivered(*delivery, 200);
  }

  std::filesystem::path blobs_ = folder_.path() / "blobs";
  std::unique_ptr<BlobStore> store_ = open_announced(blobs_, pool());
  Trainings trainings_{pool(), announce_status};
  StepQueue queue_{pool(), announce_status};
  StoredPredictions predictions_{pool(), no_webhook};
  Deliveries deliveries_{pool()};
  Files files_{pool()};
};

TEST_P(RetentionTest, RemovesABlobWithItsLastReference) {
  files_.add(file("one", "same"));
  const FileRecord second_file = file("two", "same");
  files_.add(second_file);
  EXPECT_EQ(run(forever).blobs, 0);
  EXPECT_TRUE(files_.remove("one"));
  EXPECT_FALSE(files_.remove("one"));
  EXPECT_EQ(run(forever).files, 1);
  EXPECT_TRUE(has(*second_file.sha256));
  files_.remove("two");
  const Removed removed = run(forever);
  EXPECT_EQ(removed.files, 1);
  EXPECT_EQ(removed.blobs, 1);
  EXPECT_EQ(removed.blob_bytes, 4);
  EXPECT_FALSE(has(*second_file.sha256));
  EXPECT_EQ(count("blobs"), 0);
}

TEST_P(RetentionTest, RemovesAFileOfItsAccountAtOnceUnlessItIsInUse) {
  Retention retention(pool(), *store_, forever);
  const FileRecord one = file("one", "one");
  files_.add(one);
  EXPECT_EQ(retention.remove_file("one").files, 0) << "nobody has removed it";
  files_.remove("one");
  EXPECT_EQ(retention.remove_file("one").blobs, 1);
  EXPECT_FALSE(has(*one.sha256));
  const FileRecord used = file("used", "used");
  files_.add(used);
  predict("p", put(*store_, "weights").sha256, {"used"});
  files_.remove("used");
  EXPECT_EQ(retention.remove_file("used").files, 0);
  EXPECT_TRUE(files_.find("used")) << "the host has still to fetch it";
  EXPECT_TRUE(has(*used.sha256));
  EXPECT_EQ(files_.bytes_of("anna"), 0);
  EXPECT_TRUE(files_.list("anna", "upload", std::nullopt, 10).empty());
  end_prediction("p");
  EXPECT_EQ(retention.run(always).files, 1);
  EXPECT_FALSE(has(*used.sha256));
  EXPECT_EQ(retention.totals().files, 2);
}

TEST_P(RetentionTest, KeepsFilesAsLongAsAnInputNamesThem) {
  const FileRecord pictures = file("pictures", "pictures");
  files_.add(pictures);
  NewTraining training = sample_training("t");
  training.files = {"pictures"};
  ASSERT_TRUE(trainings_.create(training, 0));
  EXPECT_EQ(run(at_once).files, 0);
  EXPECT_TRUE(has(*pictures.sha256));
  end_training("t");
  EXPECT_EQ(run(forever).files, 0);
  RetentionRules files_alone = forever;
  files_alone.files = 0;
  EXPECT_EQ(run(files_alone).files, 1);
  EXPECT_FALSE(has(*pictures.sha256));
  // What is to use it now is told so, and is not kept.
  training.id = "late";
  EXPECT_THROW(trainings_.create(training, 0), FileGone);
  EXPECT_FALSE(trainings_.find("late"));
}

TEST_P(RetentionTest, RemovesUploadsToWhichNothingCame) {
  FileRecord empty{.id = "empty", .account = "anna", .purpose = "upload",
                   .created_at = now_micros() - 2 * day};
  files_.add(empty);
  empty.id = "fresh";
  empty.created_at = now_micros();
  files_.add(empty);
  EXPECT_EQ(run(forever).files, 1);
  EXPECT_FALSE(files_.find("empty"));
  EXPECT_TRUE(files_.find("fresh"));
}

TEST_P(RetentionTest, RemovesATrainingWhoseWebhookIsTold) {
  ASSERT_TRUE(trainings_.create(sample_training("t"), 0));
  trainings_.append_log("t", "train", "line\n");
  EXPECT_EQ(run(at_once).trainings, 0) << "it waits";
  const std::string weights = put(*store_, "weights").sha256;
  const auto step = queue_.claim(all_steps, "one", 60 * second);
  EXPECT_TRUE(Reports(pool(), announce_status)
                  .add("t", 1, {.status = "succeeded", .blob = weights}, ""));
  EXPECT_EQ(run(at_once).blobs, 0);
  EXPECT_TRUE(queue_.succeed(*step, {.weights = weights}));
  EXPECT_EQ(run(at_once).blobs, 0);
  EXPECT_TRUE(trainings_.cancel("t"));
  EXPECT_EQ(run(at_once).trainings, 0) << "its webhook waits";
  const auto delivery = deliveries_.claim("one", second);
  ASSERT_TRUE(delivery);
  deliveries_.refused(*delivery, 500, "no", std::nullopt);
  EXPECT_EQ(run(forever).trainings, 0);
  EXPECT_EQ(count("deliveries"), 1) << "the last one of a training stays with it";
  const Removed removed = run(at_once);
  EXPECT_EQ(removed.trainings, 1);
  EXPECT_EQ(removed.blobs, 1);
  EXPECT_FALSE(has(weights));
  for (const char* table : {"trainings", "steps", "reports", "logs", "deliveries", "file_uses"})
    EXPECT_EQ(count(table), 0) << table;
}

TEST_P(RetentionTest, KeepsTheWeightsOfVersions) {
  const std::string weights = put(*store_, "weights").sha256;
  ASSERT_TRUE(trainings_.create(sample_training("t"), 0));
  for (const char* name : {"train", "build", "push"}) {
    StepQueue::Outcome outcome;
    if (std::string(name) == "train") outcome.weights = weights;
    if (std::string(name) == "push")
      outcome.version = NewVersion{.id = std::string(64, 'a'), .model_owner = "anna",
                                   .model_name = "me", .image = "x", .weights = weights,
                                   .template_name = "vanilla", .training = "t"};
    const auto step = queue_.claim(all_steps, "one", 60 * second);
    ASSERT_EQ(step->name, name);
    ASSERT_TRUE(queue_.succeed(*step, outcome));
  }
  deliveries_.delivered(*deliveries_.claim("one", second), 200);
  EXPECT_EQ(run(at_once).trainings, 1);
  EXPECT_TRUE(has(weights));
  predict("p", weights);
  EXPECT_TRUE(Models(pool()).remove_version("anna", "me", std::string(64, 'a')));
  run(at_once);
  EXPECT_TRUE(has(weights)) << "a prediction has still to run";
  end_prediction("p");
  EXPECT_EQ(run(at_once).blobs, 1);
  EXPECT_FALSE(has(weights));
  EXPECT_THROW(predictions_.create({"late", "anna", "anna", "me", std::string(64, 'a'),
                                    {"texts", weights}, "{}", {}, {}, {}},
                                   0),
               BlobGone);
}

TEST_P(RetentionTest, RemovesPredictionsWithTheirOutputsButNoExamples) {
  const std::string weights = put(*store_, "weights").sha256;
  std::vector<std::string> outputs;
  for (const char* id : {"gone", "example", "running"}) {
    predict(id, weights);
    FileRecord output = file(std::string("output_") + id, std::string("picture ") + id, "output");
    output.subject = id;
    files_.add_or_replace(output);
    files_.add_or_replace(output);
    outputs.push_back(*output.sha256);
  }
  Models models(pool());
  models.create({.owner = "anna", .name = "me", .account = "anna", .visibility = "private",
                 .default_example = "example"});
  end_prediction("gone");
  end_prediction("example");
  EXPECT_EQ(run(forever).files, 0);
  EXPECT_EQ(run(at_once).predictions, 1);
  EXPECT_FALSE(predictions_.find("gone"));
  EXPECT_FALSE(has(outputs[0]));
  for (const int i : {1, 2}) EXPECT_TRUE(has(outputs[static_cast<std::size_t>(i)]));
  // What comes for a prediction that is gone does not stay either.
  FileRecord late = file("output_gone", "late", "output");
  late.subject = "gone";
  files_.add_or_replace(late);
  EXPECT_EQ(run(forever).files, 1);
}

TEST_P(RetentionTest, RemovesOldRepliesAndWebhooks) {
  Replies replies(pool());
  for (int i = 0; i < 250; ++i)
    replies.begin("anna", std::to_string(i), "f", "s", day, day);
  pool().transact([](sql::Database& database) {
    for (int i = 0; i < 3; ++i)
      add_delivery(database, {.subject = "p", .url = "http://x", .body = "{}", .tries = 1});
  });
  deliveries_.delivered(*deliveries_.claim("one", second), 200);
  deliveries_.refused(*deliveries_.claim("one", second), 500, "no", std::nullopt);
  EXPECT_EQ(run(forever).replies, 0);
  const Removed removed = run(at_once);
  EXPECT_EQ(removed.replies, 250);
  EXPECT_EQ(removed.webhooks, 2);
  EXPECT_EQ(count("deliveries", "status = 'waiting'"), 1) << "one is still to be told";
}

TEST_P(RetentionTest, ABlobStaysForAWhileWithoutAReference) {
  announce_blob(pool(), {put(*store_, "x").sha256, 1}, day);
  EXPECT_EQ(run(at_once).blobs, 0);
}

TEST_P(RetentionTest, FindsWhatNoRowKnows) {
  const auto plain = open_blob_directory(blobs_);
  const std::string orphan = put(*plain, "orphan").sha256;
  const std::string fresh = put(*plain, "fresh").sha256;
  const auto path = plain->open(orphan)->path;
  std::filesystem::last_write_time(
      path, std::filesystem::last_write_time(path) - std::chrono::hours(2));
  Retention retention(pool(), *store_, forever);
  retention.sweep_machine(always);
  EXPECT_EQ(retention.run(always).blobs, 1);
  EXPECT_FALSE(has(orphan));
  EXPECT_TRUE(has(fresh)) << "somebody may be about to refer to it";
}

TEST_P(RetentionTest, GoesOnWhereOneWasKilled) {
  for (const bool is_after : {false, true}) {
    const std::string sha256 = put(*store_, "doomed").sha256;
    const std::string other = put(*store_, "stored again").sha256;
    const auto child = start_process([&](sql::Pool& own) {
      const auto plain = open_blob_directory(blobs_);
      DeadlyStore deadly(*plain, is_after);
      Retention(own, deadly, at_once).run(always);
      return true;
    });
    EXPECT_FALSE(ended_well(child));
    EXPECT_EQ(count("blobs", "is_doomed = 1"), 2);
    // Nobody may refer to what may be gone; who stores it again may.
    FileRecord record = file("again", "stored again");
    EXPECT_THROW(pool().transact([&](sql::Database& database) { use_blob(database, sha256); }),
                 BlobGone);
    files_.add(record);
    const Removed removed = run(forever);
    EXPECT_EQ(removed.blobs, 1);
    EXPECT_FALSE(has(sha256));
    EXPECT_TRUE(has(other));
    files_.remove("again");
    run(forever);
    EXPECT_FALSE(has(other));
    EXPECT_EQ(count("blobs"), 0);
  }
}

// A few contents, so that everybody meets everybody: some store and refer, some forget, others
// remove, in two processes. Whoever has recorded a reference finds the blob, as long as it has it.
TEST_P(RetentionTest, NeverTakesWhatSomebodyHasJustReferredTo) {
  constexpr int workers = 4;
  constexpr int rounds = 60;
  const auto stop_file = folder_.path() / "stop";
  const auto collect = [&](sql::Pool& own) {
    const auto store = open_blob_directory(blobs_);
    Retention retention(own, *store, at_once);
    while (!std::filesystem::exists(stop_file)) retention.run(always);
    return true;
  };
  const auto child = start_process(collect);
  std::thread collector([&] { collect(pool()); });
  std::atomic<int> recorded = 0;
  std::atomic<int> lost = 0;
  const auto shared = open_announced(blobs_, pool(), day);
  const auto work = [&](int number) {
    std::minstd_rand random(static_cast<unsigned>(number) + 1);
    Files files(pool());
    StoredPredictions predictions(pool(), no_webhook);
    for (int round = 0; round < rounds; ++round) {
      const std::string id = std::to_string(number) + "x" + std::to_string(round);
      const std::string sha256 =
          put(*shared, "content " + std::to_string(random() % 3)).sha256;
      // Younger than any rule: it stays until it is removed.
      files.add({.id = id, .account = "anna", .purpose = "file", .sha256 = sha256,
                 .created_at = now_micros() + day});
      ++recorded;
      if (!has(sha256)) ++lost;
      const bool predicts = random() % 2 == 0;
      if (predicts)
        predictions.create({id, "anna", "anna", "me", sha256, {"texts", sha256}, "{}", {}, {}, {}},
                           0);
      files.remove(id);
      if (!predicts) continue;
      std::this_thread::yield();
      if (!has(sha256)) ++lost;
      predictions.cancel(id);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < workers; ++i) threads.emplace_back(work, i);
  for (auto& thread : threads) thread.join();
  std::filesystem::create_directory(stop_file);
  collector.join();
  EXPECT_TRUE(ended_well(child));
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(recorded, workers * rounds);
  run(at_once);
  EXPECT_EQ(count("blobs"), 0);
  EXPECT_EQ(count("files"), 0);
  EXPECT_TRUE(store_->idle_here(std::chrono::seconds(0)).empty());
}

ON_BOTH_DATABASES(RetentionTest);

}  // namespace
}  // namespace dream::host
