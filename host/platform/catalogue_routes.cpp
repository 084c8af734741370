// The routes of PlatformApi that say what can be trained with: an addition to the Dreambooth API,
// for the page and for whoever wants to know before a training is made.
#include "host/platform/api.hpp"
#include "host/platform/cog_trainer.hpp"

namespace dream::host {
namespace {

Json page_of(Json results) {
  return {{"previous", nullptr}, {"next", nullptr}, {"results", std::move(results)}};
}

// Where a trainer runs is the operator's affair, and its URL may hold a password.
Json trainer_view(const Trainer& trainer) {
  return {{"name", trainer.name}, {"default", trainer.name == Catalogue::default_trainer}};
}

}  // namespace

void PlatformApi::add_catalogue_routes(const AddRoute& add) {
  add("GET", "/v1/trainers", bound(&PlatformApi::list_trainers));
  add("GET", "/v1/trainers/{name}", bound(&PlatformApi::get_trainer), WaitsFor::others);
  add("GET", "/v1/templates", bound(&PlatformApi::list_templates));
}

ApiAnswer PlatformApi::list_trainers(Request& request) {
  core_.options.accounts.of(request);
  Json results = Json::array();
  for (const auto& name : core_.options.catalogue.trainer_names())
    results.push_back(trainer_view(*core_.options.catalogue.trainer_named(name)));
  return {json_answer(200, page_of(std::move(results)))};
}

// With its own document, as far as it can be asked: one of this machine runs for trainings alone.
ApiAnswer PlatformApi::get_trainer(Request& request) {
  core_.options.accounts.of(request);
  const Trainer* const trainer =
      core_.options.catalogue.trainer_named(request.parameters.at("name"));
  if (trainer == nullptr) throw Refusal(404, "Not found.");
  Json view = trainer_view(*trainer);
  const std::atomic<bool> never = false;
  view["openapi_schema"] =
      trainer->url.empty() ? Json() : CogTrainer(trainer->url, never).openapi();
  return {json_answer(200, view)};
}

ApiAnswer PlatformApi::list_templates(Request& request) {
  core_.options.accounts.of(request);
  Json results = Json::array();
  for (const auto& name : core_.options.catalogue.template_names())
    results.push_back({{"name", name}, {"default", name == Catalogue::default_template}});
  return {json_answer(200, page_of(std::move(results)))};
}

}  // namespace dream::host
