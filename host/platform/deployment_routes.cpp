// The routes of ReplicateApi about deployments.
#include <fmt/format.h>

#include "host/platform/paging.hpp"
#include "host/platform/replicate_api.hpp"
#include "host/platform/request_fields.hpp"
#include "host/platform/training_request.hpp"

namespace dream::host {
namespace {

constexpr char not_found[] = "The requested resource could not be found.";
constexpr std::int64_t most_instances = 1000;

Json deployment_view(const Deployment& deployment) {
  const Json maker = {{"type", "user"},
                      {"username", deployment.owner},
                      {"name", deployment.owner},
                      {"avatar_url", nullptr},
                      {"github_url", nullptr}};
  return {{"owner", deployment.owner},
          {"name", deployment.name},
          {"current_release",
           {{"number", deployment.release},
            {"model", deployment.model_owner + "/" + deployment.model_name},
            {"version", deployment.version},
            {"created_at", wire_time(deployment.released_at)},
            {"created_by", maker},
            {"configuration",
             {{"hardware", deployment.hardware},
              {"min_instances", deployment.min_instances},
              {"max_instances", deployment.max_instances}}}}}};
}

// One place is left for versions that are asked for without a deployment.
void check_instances(PlatformCore& core, const Deployment& wanted) {
  if (wanted.min_instances > wanted.max_instances)
    throw Refusal(422,
                  fmt::format("min_instances: {} is more than max_instances, {}",
                              wanted.min_instances, wanted.max_instances),
                  "min_instances");
  std::int64_t others = 0;
  for (const Deployment& each : core.deployments.all())
    others += each.full_name() == wanted.full_name() ? 0 : each.min_instances;
  const auto hosts = static_cast<std::int64_t>(core.options.hosting.bounds.hosts);
  if (wanted.min_instances > 0 && others + wanted.min_instances > hosts - 1)
    throw Refusal(422,
                  fmt::format("min_instances: {} hosts cannot be kept ready: this platform has {} "
                              "(--hosts), {} are kept by other deployments, and one is for "
                              "everything else",
                              wanted.min_instances, hosts, others),
                  "min_instances");
}

}  // namespace

void ReplicateApi::add_deployment_routes(const AddRoute& add) {
  add("POST", "/v1/deployments", bound(&ReplicateApi::create_deployment));
  add("GET", "/v1/deployments", bound(&ReplicateApi::list_deployments));
  add("GET", "/v1/deployments/{owner}/{name}", bound(&ReplicateApi::get_deployment));
  add("PATCH", "/v1/deployments/{owner}/{name}", bound(&ReplicateApi::change_deployment));
  add("DELETE", "/v1/deployments/{owner}/{name}", bound(&ReplicateApi::delete_deployment));
  add("POST", "/v1/deployments/{owner}/{name}/predictions",
      bound(&ReplicateApi::predict_with_deployment));
}

// What the body says, over what there is. A version may be named with its model or alone.
void ReplicateApi::read_deployment(const Json& body, const std::string& account,
                                   Deployment& deployment) {
  const auto model = text_field(body, "model", 256);
  if (model) {
    const auto [owner, name] = read_model_name(*model, "model");
    if (!may_see(core_.models.find(owner, name), account))
      throw Refusal(422, fmt::format("model: there is no {}", *model), "model");
    const bool moves = owner != deployment.model_owner || name != deployment.model_name;
    if (moves) deployment.version.clear();
    deployment.model_owner = owner;
    deployment.model_name = name;
  }
  const std::string full = deployment.model_owner + "/" + deployment.model_name;
  if (const auto text = text_field(body, "version", 256)) {
    const Version version = version_named(
        text->find(':') == std::string::npos ? full + ":" + *text : *text, account);
    if (version.model_owner + "/" + version.model_name != full)
      throw Refusal(422, fmt::format("version: it is none of {}", full), "version");
    deployment.version = version.id;
  }
  if (deployment.version.empty()) deployment.version = version_named(full, account).id;
  if (const auto hardware = text_field(body, "hardware", 256)) deployment.hardware = *hardware;
  deployment.min_instances = number_field(body, "min_instances", 0, most_instances)
                                 .value_or(deployment.min_instances);
  deployment.max_instances = number_field(body, "max_instances", 0, most_instances)
                                 .value_or(deployment.max_instances);
  check_instances(core_, deployment);
}

// Of another account it looks the same as none.
Deployment ReplicateApi::own_deployment(const Request& request) {
  const std::string owner = path_name(request, "owner");
  auto deployment = owner == account_of(request)
                        ? core_.deployments.find(owner, path_name(request, "name"))
                        : std::nullopt;
  if (!deployment) throw Refusal(404, not_found);
  return std::move(*deployment);
}

ApiAnswer ReplicateApi::create_deployment(Request& request) {
  Deployment deployment;
  deployment.owner = account_of(request);
  const Json body = parse_body(request.body);
  for (const char* name : {"name", "model"}) {
    if (!text_field(body, name, 256))
      throw Refusal(422, fmt::format("{}: it is missing", name), name);
  }
  deployment.name =
      read_model_name(deployment.owner + "/" + *text_field(body, "name", 256), "name").second;
  deployment.hardware = "cpu";
  read_deployment(body, deployment.owner, deployment);
  if (!core_.deployments.create(deployment))
    throw Refusal(409, fmt::format("There is a deployment {} already", deployment.full_name()),
                  "name");
  wake_();
  return {json_answer(
      201, deployment_view(core_.deployments.find(deployment.owner, deployment.name).value()))};
}

ApiAnswer ReplicateApi::list_deployments(Request& request) {
  const auto start = read_cursor(request);
  const auto place = [](const Deployment& deployment) {
    return PageStart{deployment.created_at, deployment.name};
  };
  return {json_answer(
      200, page_of(core_.deployments.list(account_of(request), start, page_size + 1), start,
                   base_of(core_.options, request) + "/v1/deployments", place, deployment_view))};
}

ApiAnswer ReplicateApi::get_deployment(Request& request) {
  return {json_answer(200, deployment_view(own_deployment(request)))};
}

ApiAnswer ReplicateApi::change_deployment(Request& request) {
  Deployment deployment = own_deployment(request);
  read_deployment(parse_body(request.body), deployment.owner, deployment);
  if (!core_.deployments.change(deployment)) throw Refusal(404, not_found);
  wake_();
  return {json_answer(
      200, deployment_view(core_.deployments.find(deployment.owner, deployment.name).value()))};
}

ApiAnswer ReplicateApi::delete_deployment(Request& request) {
  const Deployment deployment = own_deployment(request);
  if (!core_.deployments.remove(deployment.owner, deployment.name)) throw Refusal(404, not_found);
  wake_();
  return {{.status = 204}};
}

ApiAnswer ReplicateApi::predict_with_deployment(Request& request) {
  const Deployment deployment = own_deployment(request);
  if (deployment.max_instances == 0)
    throw Refusal(422, fmt::format("The deployment {} has no hosts: its max_instances is 0",
                                   deployment.full_name()));
  const PredictionOrder order = read_prediction_order(parse_body(request.body), request);
  const auto version = core_.models.find_version(deployment.model_owner, deployment.model_name,
                                                 deployment.version);
  if (!version) throw Refusal(422, "The version of the deployment is no longer there");
  return predict(request, deployment.owner, order, *version, deployment.full_name());
}

}  // namespace dream::host
