// What becomes of predictions whose host cannot be had: what may pass ends none of them.
#include "host/platform/prediction_engine.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <system_error>
#include <thread>

#include "host/storage/blob_rows.hpp"
#include "temporary_folder.hpp"

namespace dream::host {
namespace {

using std::chrono::milliseconds;

// A store from which nothing can be had.
class NoBlobs : public BlobStore {
 public:
  using Open = std::function<std::optional<BlobFile>()>;
  NoBlobs(Open open, std::atomic<int>& asked) : open_(std::move(open)), asked_(asked) {}
  std::unique_ptr<BlobWriter> write() override { return nullptr; }
  Blob adopt(const std::filesystem::path&) override { return {}; }
  std::optional<BlobFile> open(const std::string&) override {
    ++asked_;
    return open_();
  }
  void remove(const std::string&) override {}
  std::vector<std::string> idle_here(std::chrono::seconds) override { return {}; }
  bool drop_copy(const std::string&) override { return false; }
  std::filesystem::path scratch() const override { return {}; }

 private:
  Open open_;
  std::atomic<int>& asked_;
};

class PredictionEngineTest : public testing::Test {
 protected:
  PredictionEngineTest() {
    options_.data = folder_.path();
    options_.hosting.installed = {"texts"};
  }

  void begin(const NoBlobs::Open& open, const std::string& template_name = "texts") {
    core_ = std::make_unique<PlatformCore>(options_, nullptr);
    core_->blobs = std::make_unique<NoBlobs>(open, asked_);
    NewStoredPrediction wanted;
    wanted.id = "one";
    wanted.account = wanted.model_owner = "anna";
    wanted.model_name = "me";
    wanted.version = std::string(64, 'a');
    wanted.kind = {template_name, std::string(64, 'b')};
    wanted.input = "{}";
    announce_blob(core_->pool, {wanted.kind.weights, 1}, 0);
    ASSERT_TRUE(core_->predictions.create(wanted, 0));
    engine_ = std::make_unique<PredictionEngine>(*core_);
    engine_->start();
  }
  StoredPrediction one() { return core_->predictions.find("one").value(); }
  bool comes(const std::function<bool()>& what) {
    for (int i = 0; i < 500 && !what(); ++i) std::this_thread::sleep_for(milliseconds(20));
    return what();
  }

  TemporaryFolder folder_;
  PlatformOptions options_;
  std::atomic<int> asked_ = 0;
  std::unique_ptr<PlatformCore> core_;
  std::unique_ptr<PredictionEngine> engine_;
};

TEST_F(PredictionEngineTest, AStoreThatIsAwayFailsNothing) {
  begin([]() -> std::optional<BlobFile> { throw BlobsUnavailable("away"); });
  ASSERT_TRUE(comes([&] { return asked_ > 0; }));
  std::this_thread::sleep_for(milliseconds(700));
  EXPECT_EQ(asked_, 1) << "there is no pause";
  engine_->stop();
  EXPECT_EQ(one().status, "starting");
}

TEST_F(PredictionEngineTest, ADiskThatIsFullFailsNothing) {
  begin([]() -> std::optional<BlobFile> {
    throw std::system_error(ENOSPC, std::generic_category());
  });
  ASSERT_TRUE(comes([&] { return asked_ > 0; }));
  engine_->stop();
  EXPECT_EQ(one().status, "starting");
}

TEST_F(PredictionEngineTest, WeightsThatAreNowhereAreTold) {
  begin([] { return std::nullopt; });
  ASSERT_TRUE(comes([&] { return one().status == "failed"; }));
  EXPECT_NE(one().error->find("weights"), std::string::npos);
}

TEST_F(PredictionEngineTest, ATemplateThatIsNowhereIsTold) {
  begin([] { return std::nullopt; }, "pictures");
  ASSERT_TRUE(comes([&] { return one().status == "failed"; }));
  EXPECT_NE(one().error->find("'pictures' is not installed"), std::string::npos);
  EXPECT_EQ(asked_, 0);
}

}  // namespace
}  // namespace dream::host
