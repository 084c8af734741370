// The route of ReplicateApi that begins a training. What is made here is shown as the Replicate API
// has it, wherever it is asked for.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "host/platform/idempotency.hpp"
#include "host/platform/replicate_api.hpp"
#include "host/platform/request_fields.hpp"
#include "host/platform/training_checks.hpp"

namespace dream::host {

void ReplicateApi::add_training_routes(const AddRoute& add) {
  add("POST", "/v1/models/{owner}/{name}/versions/{id}/trainings",
      bound(&ReplicateApi::create_training), WaitsFor::others);
}

ApiAnswer ReplicateApi::create_training(Request& request) {
  const Caller caller = core_.options.accounts.caller(request);
  const std::string& account = caller.account;
  const std::string base = base_of(core_.options, request);
  const Json body = parse_body(request.body);
  const std::string trainer_version = path_name(request, "id");
  if (core_.options.catalogue.trainer(trainer_version) == nullptr)
    throw Refusal(404, fmt::format("There is no trainer with the version {}: this platform has {}",
                                   trainer_version,
                                   fmt::join(core_.options.catalogue.trainer_names(), ", ")));
  const auto destination = text_field(body, "destination", 256);
  if (!destination)
    throw Refusal(422, "destination: it is missing: the model to make a version of, owner/name",
                  "destination");
  const auto [owner, name] = read_model_name(*destination, "destination");
  const auto model = core_.models.find(owner, name);
  if (!model || model->account != account)
    throw Refusal(404, "The specified training destination does not exist");
  const WebhookWish webhook = read_webhook_wish(body);
  // The rest is what the other API reads too.
  Json wish = {{"model", *destination}, {"trainer_version", trainer_version}};
  for (const char* field : {"input", "template_version", "notes"}) {
    if (body.contains(field)) wish[field] = body[field];
  }
  TrainingRequest wanted = read_training_request(wish, core_.options.catalogue);
  wanted.webhook = webhook.url;
  const auto answer = [&](const Training& training) {
    return json_answer(201, training_view(core_.parts_of(training, base), base));
  };
  const auto find = [&](const std::string& id) -> std::optional<Response> {
    const auto made = core_.trainings.find(id);
    return made ? std::optional<Response>(answer(*made)) : std::nullopt;
  };
  const auto create = [&](const std::string& id) {
    check_training(core_, wanted, account);
    NewTraining training = new_training(wanted, caller, id);
    training.origin = "replicate";
    training.webhook_events = webhook.events;
    const Training begun = keep_training(core_, training, caller.quota);
    wake_steps_();
    return answer(begun);
  };
  return {answer_once(core_.replies, request, account, to_text(body), find, create)};
}

}  // namespace dream::host
