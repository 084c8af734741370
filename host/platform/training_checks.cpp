#include "host/platform/training_checks.hpp"

#include <fmt/format.h>

#include "host/platform/cog_trainer.hpp"
#include "host/platform/weights_intake.hpp"

namespace dream::host {
namespace {

void check_inputs(PlatformCore& core, const TrainingRequest& wanted,
                  const std::string& account) {
  std::string field;
  const std::string pictures = stored_dataset_problem(
      core, core.reachable(wanted.input, account, core.own_url), field);
  if (!pictures.empty()) throw Refusal(422, field + ": " + pictures, field);
  // A trainer that is away is asked when it is back: it looks at its inputs itself.
  if (wanted.trainer == nullptr || wanted.trainer->url.empty()) return;
  const std::atomic<bool> never = false;
  const Json document = CogTrainer(wanted.trainer->url, never).openapi();
  const std::string problem = input_problem(document, wanted.input, field);
  if (!problem.empty()) throw Refusal(422, field + ": " + problem, field);
}

// All that can be known before compute is spent.
void check_destination(PlatformCore& core, const TrainingRequest& wanted,
                       const std::string& account) {
  const auto model = core.models.find(wanted.model_owner, wanted.model_name);
  if (model && model->account != account)
    throw Refusal(422, "model: it belongs to another account", "model");
  const char* field = "template_version";
  try {
    core.images->check_template(wanted.template_image->image, {});
    field = "model";
    core.images->check_destination(wanted.model_owner, wanted.model_name, {});
  } catch (const ImageError& error) {
    throw Refusal(422, fmt::format("{}: {}", field, error.what()), field);
  } catch (const std::runtime_error& error) {
    Refusal refusal(503, fmt::format("{}: {}", field, error.what()), field);
    refusal.retry_after_s = 10;
    throw refusal;
  }
}

}  // namespace

void check_training(PlatformCore& core, const TrainingRequest& wanted, const std::string& account) {
  check_inputs(core, wanted, account);
  check_destination(core, wanted, account);
}

NewTraining new_training(const TrainingRequest& wanted, const Caller& caller,
                         const std::string& id) {
  NewTraining training;
  training.id = id;
  training.origin = "dreambooth";
  training.account = caller.account;
  training.token = caller.token;
  training.input = to_text(wanted.input);
  training.model_owner = wanted.model_owner;
  training.model_name = wanted.model_name;
  training.trainer = wanted.trainer == nullptr ? "" : wanted.trainer->name;
  training.template_name = wanted.template_image->name;
  training.trainer_version = wanted.trainer_version;
  training.template_version = wanted.template_version;
  training.weights_url = wanted.weights_url;
  training.notes = wanted.notes;
  training.webhook = wanted.webhook;
  return training;
}

Training keep_training(PlatformCore& core, NewTraining training, const TokenQuota& quota) {
  const ActiveLimits most(core.options.limits.account_trainings, quota.trainings.value_or(0));
  const Json inputs = {Json::parse(training.input), training.weights_url.value_or("")};
  training.files = core.files_in(inputs, training.account);
  const Admission admission = core.trainings.create(training, most);
  if (admission) {
    Training begun = core.trainings.find(training.id).value();
    begun.status = training_status::queued;
    begun.started_at.reset();
    return begun;
  }
  const bool is_token = admission.kind == Admission::Kind::token_is_full;
  Refusal refusal(429, fmt::format("Request was throttled. {} trainings of your {} have not "
                                   "ended, which is as many as may be",
                                   is_token ? most.of_token : most.of_account,
                                   is_token ? "token" : "account"));
  refusal.retry_after_s = 30;
  throw refusal;
}

}  // namespace dream::host
