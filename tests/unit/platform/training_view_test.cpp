// The two views of one training, and what the official clients of the one cannot bear.
#include "host/platform/training_view.hpp"

#include <gtest/gtest.h>

#include <set>

namespace dream::host {
namespace {

TrainingParts sample(const std::string& origin, const std::string& status) {
  TrainingParts parts;
  Training& training = parts.training;
  training.id = "abc";
  training.origin = origin;
  training.status = status;
  training.input = R"({"z":1,"a":2})";
  training.model_owner = "anna";
  training.model_name = "me";
  training.trainer = "dreambooth";
  training.created_at = 1'705'314'600'123'456;
  parts.logs = "step 1\n";
  return parts;
}

TrainingParts succeeded(const std::string& origin) {
  TrainingParts parts = sample(origin, "succeeded");
  Training& training = parts.training;
  training.trainer_version = std::string(64, 'c');
  training.version = std::string(64, 'd');
  training.started_at = training.created_at + 1'000'000;
  training.completed_at = training.created_at + 5'500'000;
  training.webhook = "http://a/b?secret=1";
  Step train{.training = "abc", .name = "train", .status = "succeeded", .attempt = 1};
  train.started_at = training.started_at;
  train.completed_at = *training.started_at + 2'500'000;
  parts.steps = {train};
  Delivery delivery;
  delivery.status = "failed";
  delivery.attempt = 3;
  delivery.last_status = 503;
  parts.deliveries = {delivery};
  return parts;
}

TEST(TrainingView, HasTheFormOfTheDreamboothApi) {
  const Json view = training_view(succeeded("dreambooth"), "https://x");
  EXPECT_EQ(view["id"], "abc");
  EXPECT_EQ(view["created_at"], "2024-01-15T10:30:00.123456Z");
  EXPECT_EQ(view["input"].dump(), R"({"z":1,"a":2})");
  EXPECT_EQ(view["model"], "anna/me");
  EXPECT_EQ(view["version"], std::string(64, 'd'));
  EXPECT_EQ(view["trainer_version"], std::string(64, 'c'));
  EXPECT_EQ(view["output"]["version"], "anna/me:" + std::string(64, 'd'));
  EXPECT_EQ(view["metrics"]["predict_time"], 2.5);
  EXPECT_EQ(view["metrics"]["queue_time"], 1.0);
  EXPECT_EQ(view["metrics"]["total_time"], 5.5);
  EXPECT_EQ(view["urls"]["cancel"], "https://x/v1/trainings/abc/cancel");
  EXPECT_EQ(view["steps"][0]["name"], "train");
  EXPECT_EQ(view["steps"][1]["name"], "webhook");
  EXPECT_EQ(view["steps"][1]["status"], "failed");
  EXPECT_EQ(view["steps"][1]["response_status"], 503);
}

TEST(TrainingView, HasNoVersionBeforeThereIsOne) {
  for (const char* status : {"queued", "starting", "processing", "pushing", "failed", "canceled"}) {
    const Json view = training_view(sample("dreambooth", status), "https://x");
    EXPECT_EQ(view["status"], status);
    EXPECT_FALSE(view.contains("version"));
    for (const char* key : {"error", "notes", "webhook_completed", "started_at", "completed_at"})
      EXPECT_TRUE(view[key].is_null()) << key;
  }
}

// PyPI replicate 1.x raises an error on any other status, and on a version that is null.
TEST(TrainingView, ShowsTheOfficialClientsWhatTheyKnow) {
  const std::set<std::string> known{"starting", "processing", "succeeded", "failed", "canceled"};
  for (const char* status :
       {"queued", "starting", "processing", "pushing", "succeeded", "failed", "canceled"}) {
    const Json view = training_view(sample("replicate", status), "https://x");
    EXPECT_TRUE(known.contains(view["status"].get<std::string>())) << status;
    EXPECT_TRUE(view["version"].is_string());
    EXPECT_FALSE(view.contains("steps"));
  }
  const Json view = training_view(succeeded("replicate"), "https://x");
  EXPECT_EQ(view["version"], std::string(64, 'c'));  // of the trainer
  EXPECT_EQ(view["output"]["version"], "anna/me:" + std::string(64, 'd'));
}

TEST(TrainingView, IsAPredictionOfItsTrainerToo) {
  TrainingParts parts = sample("dreambooth", "pushing");
  EXPECT_EQ(prediction_view(parts, "https://x")["status"], "processing");
  parts.weights_url = "https://x/weights/1/output.zip";
  const Json view = prediction_view(parts, "https://x");
  EXPECT_EQ(view["status"], "succeeded");
  EXPECT_EQ(view["output"], "https://x/weights/1/output.zip");
}

}  // namespace
}  // namespace dream::host
