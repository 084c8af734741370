// What is read out of POST /v1/trainings; tests/platform/test_bad_requests.py has what is refused.
#include "host/platform/training_request.hpp"

#include <gtest/gtest.h>

namespace dream::host {
namespace {

Catalogue sample() {
  Catalogue catalogue;
  catalogue.add_trainer("dreambooth=http://gpu:5000");
  catalogue.add_template("vanilla=registry/vanilla");
  return catalogue;
}

TEST(TrainingRequest, TakesNullAndEmptyAsAbsent) {
  const Catalogue catalogue = sample();
  const Json body = Json::parse(R"({"input": {"b": 1, "a": [2]}, "model": "anna/me",
    "trainer_version": null, "template_version": "", "notes": "", "webhook_completed": "",
    "webhook": null, "weights": null, "dry_run": null})");
  const auto request = read_training_request(body, catalogue);
  EXPECT_EQ(request.input.dump(), R"({"b":1,"a":[2]})");  // as it came
  EXPECT_EQ(request.model_owner, "anna");
  EXPECT_EQ(request.model_name, "me");
  EXPECT_EQ(request.trainer->name, "dreambooth");
  EXPECT_EQ(request.template_image->name, "vanilla");
  EXPECT_FALSE(request.webhook || request.notes || request.weights_url || request.dry_run);
}

TEST(TrainingRequest, TakesEitherNameOfTheWebhook) {
  const Catalogue catalogue = sample();
  Json body = {{"input", Json::object()},
               {"model", "anna/me"},
               {"webhook", "HTTP://a/b?c=d&e=%20"}};
  EXPECT_EQ(read_training_request(body, catalogue).webhook, "HTTP://a/b?c=d&e=%20");
  body["webhook_completed"] = "https://x/y";
  EXPECT_EQ(read_training_request(body, catalogue).webhook, "https://x/y");
}

TEST(TrainingRequest, NeedsNoInputWhereWeightsAreGiven) {
  const Catalogue catalogue = sample();
  const auto request = read_training_request(
      {{"model", "anna/me"}, {"weights", "https://example.com/output.zip"}}, catalogue);
  EXPECT_EQ(request.trainer, nullptr);
  EXPECT_EQ(request.weights_url, "https://example.com/output.zip");
}

TEST(TrainingRequest, ShowsNoQueryOfAUrl) {
  const Catalogue catalogue = sample();
  try {
    read_training_request({{"input", Json::object()},
                           {"model", "anna/me"},
                           {"webhook_completed", "ftp://host/path?secret=hunter2"}},
                          catalogue);
    ADD_FAILURE();
  } catch (const Refusal& refusal) {
    EXPECT_EQ(refusal.field, "webhook_completed");
    EXPECT_EQ(std::string(refusal.what()).find("hunter2"), std::string::npos) << refusal.what();
  }
}

}  // namespace
}  // namespace dream::host
