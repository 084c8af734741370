// The routes of ReplicateApi about predictions.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "host/base/text.hpp"
#include "host/platform/cog_trainer.hpp"
#include "host/platform/idempotency.hpp"
#include "host/platform/model_view.hpp"
#include "host/platform/paging.hpp"
#include "host/platform/prediction_host.hpp"
#include "host/platform/replicate_api.hpp"
#include "host/platform/stored_prediction_view.hpp"

namespace dream::host {
namespace {

constexpr char no_version[] =
    "version: the specified version does not exist, or you do not have permission to use it";

// As far as a host of the template has told what its inputs are; it looks at them itself anyway.
void check_input(PlatformCore& core, const Version& version, const Json& input) {
  std::string field;
  const Json schema = kept_schema(core, core.served_with(version.template_name));
  const std::string problem = input_problem(schema, input, field, CogEntry::predict);
  if (!problem.empty()) throw Refusal(422, field + ": " + problem, field);
}

}  // namespace

bool may_see(const std::optional<Model>& model, const std::string& account) {
  return model && (model->visibility == "public" || model->account == account);
}

std::string path_name(const Request& request, const char* name) {
  const std::string& text = request.parameters.at(name);
  if (text.find('\0') != std::string::npos) throw Refusal(404, "Not found.");
  return text;
}

void ReplicateApi::add_prediction_routes(const AddRoute& add) {
  add("POST", "/v1/predictions", bound(&ReplicateApi::create_prediction));
  add("GET", "/v1/predictions", bound(&ReplicateApi::list_predictions));
  add("GET", "/v1/predictions/{id}", bound(&ReplicateApi::get_prediction));
  add("POST", "/v1/predictions/{id}/cancel", bound(&ReplicateApi::cancel_prediction));
  add("POST", "/v1/models/{owner}/{name}/predictions", bound(&ReplicateApi::predict_with_model));
  add("POST", "/callbacks/hosts/{capability}", bound(&ReplicateApi::hear_host_report));
}

// "64 hex", "owner/name:64 hex" or "owner/name", whose newest version is meant.
Version ReplicateApi::version_named(const std::string& text, const std::string& account) {
  const std::size_t colon = text.rfind(':');
  const std::string id = colon == std::string::npos ? text : text.substr(colon + 1);
  const std::string model = colon == std::string::npos ? "" : text.substr(0, colon);
  if (is_sha256_hex(id)) {
    for (auto& version : core_.models.versions_with_id(id)) {
      const std::string full_name = version.model_owner + "/" + version.model_name;
      if ((model.empty() || model == full_name) &&
          may_see(core_.models.find(version.model_owner, version.model_name), account))
        return std::move(version);
    }
    throw Refusal(422, no_version, "version");
  }
  const std::size_t slash = text.find('/');
  if (colon != std::string::npos || slash == std::string::npos)
    throw Refusal(422,
                  fmt::format("version: '{}' is neither 64 hexadecimal digits, owner/name:digits "
                              "nor owner/name",
                              text.substr(0, 200)),
                  "version");
  const std::string owner = text.substr(0, slash);
  const std::string name = text.substr(slash + 1);
  if (may_see(core_.models.find(owner, name), account)) {
    if (auto newest = core_.models.latest_version(owner, name)) return std::move(*newest);
  }
  throw Refusal(422, no_version, "version");
}

ApiAnswer ReplicateApi::create_prediction(Request& request) {
  const std::string account = account_of(request);
  const PredictionOrder order = read_prediction_order(parse_body(request.body), request);
  if (!order.version)
    throw Refusal(422, "version: it is missing: the version to run, its 64 digits or owner/name",
                  "version");
  return predict(request, account, order, version_named(*order.version, account), std::nullopt);
}

ApiAnswer ReplicateApi::predict_with_model(Request& request) {
  const std::string account = account_of(request);
  const Model model = visible_model(request, account);
  const PredictionOrder order = read_prediction_order(parse_body(request.body), request);
  const auto newest = core_.models.latest_version(model.owner, model.name);
  if (!newest)
    throw Refusal(422, fmt::format("{} has no version yet: train one, or name another model",
                                   model.full_name()));
  return predict(request, account, order, *newest, std::nullopt);
}

ApiAnswer ReplicateApi::predict(Request& request, const std::string& account,
                                const PredictionOrder& order, const Version& version,
                                const std::optional<std::string>& deployment) {
  if (core_.served_with(version.template_name).empty())
    throw Refusal(422,
                  fmt::format("version: it is one of the template '{}', which is not installed "
                              "here",
                              version.template_name),
                  "version");
  check_input(core_, version, order.input);
  const Caller caller = core_.options.accounts.caller(request);
  const std::string base = base_of(core_.options, request);
  std::string made;
  const auto find = [&](const std::string& id) -> std::optional<Response> {
    const auto known = core_.predictions.find(id);
    if (!known) return std::nullopt;
    return prediction_answer(201, *known, base);
  };
  const auto create = [&](const std::string& id) {
    NewStoredPrediction wanted;
    wanted.id = id;
    wanted.account = account;
    wanted.token = caller.token;
    wanted.model_owner = version.model_owner;
    wanted.model_name = version.model_name;
    wanted.version = version.id;
    wanted.kind = {version.template_name, version.weights, deployment};
    wanted.input = to_text(order.input);
    wanted.files = core_.files_in(order.input, account);
    wanted.webhook = order.webhook;
    wanted.webhook_events = order.webhook_events;
    if (order.cancel_after)
      wanted.deadline = now_micros() + order.cancel_after->count() * 1'000'000;
    const ActiveLimits most(core_.options.limits.account_predictions,
                            caller.quota.predictions.value_or(0));
    if (const Admission admission = core_.predictions.create(wanted, most); !admission) {
      const bool is_token = admission.kind == Admission::Kind::token_is_full;
      Refusal refusal(429, fmt::format("Request was throttled. {} predictions of your {} wait for "
                                       "a host, which is as many as may be",
                                       is_token ? most.of_token : most.of_account,
                                       is_token ? "token" : "account"));
      refusal.retry_after_s = 5;
      throw refusal;
    }
    made = id;
    StoredPrediction begun = core_.predictions.find(id).value();
    begun.status = "starting";  // of one that no host has begun yet, whoever looks when
    wake_();
    return prediction_answer(201, begun, base);
  };
  const std::string content =
      to_text({version.id, order.input, order.webhook.value_or(""), deployment.value_or("")});
  Response answer = answer_once(core_.replies, request, account, content, find, create);
  if (made.empty() || order.wait.count() == 0) return {std::move(answer)};
  return answer_when_ended(made, order.wait, base, std::move(answer));
}

Response ReplicateApi::prediction_answer(int status, const StoredPrediction& prediction,
                                         const std::string& base) {
  return json_answer(status, stored_prediction_view(core_, prediction, base));
}

// Clients take a "processing" for the end of their waiting, and what there is of the output for all
// of it: so it is "starting" until there is an end.
ApiAnswer ReplicateApi::answer_when_ended(const std::string& id, std::chrono::seconds wait,
                                          const std::string& base, Response now) {
  const auto patience = std::make_shared<ApiPatience>();
  patience->limit = wait;
  patience->look = [this, id, base, wait, now](bool is_over) -> std::optional<Response> {
    std::optional<StoredPrediction> prediction;
    try {
      const auto seen = core_.predictions.revision(id);
      if (seen && !is_terminal(seen->status) && !is_over) return std::nullopt;
      prediction = core_.predictions.find(id);
    } catch (const sql::Error& error) {  // it exists, whatever the database says at the moment
      spdlog::warn("waiting for a prediction: {}", error.what());
    }
    const bool ended = prediction && is_terminal(prediction->status);
    if (!ended && !is_over) return std::nullopt;
    Response answer = ended ? prediction_answer(201, *prediction, base) : now;
    answer.headers.emplace_back("preference-applied", fmt::format("wait={}", wait.count()));
    return answer;
  };
  return {.response = {}, .patience = patience};
}

ApiAnswer ReplicateApi::list_predictions(Request& request) {
  const std::string base = base_of(core_.options, request);
  PredictionFilter filter{account_of(request), query_time(request, "created_after"),
                          query_time(request, "created_before")};
  const auto start = read_cursor(request);
  std::string url = base + "/v1/predictions";
  for (const char* name : {"created_after", "created_before"}) {
    const std::string value = query_of(request, name);
    if (!value.empty())
      url += fmt::format("{}{}={}", url.ends_with("predictions") ? '?' : '&', name,
                         percent_encode(value));
  }
  const auto place = [](const StoredPrediction& prediction) {
    return PageStart{prediction.created_at, prediction.id};
  };
  const auto view = [&](const StoredPrediction& prediction) {
    Json shown = stored_prediction_view(core_, prediction, base);
    shown["logs"] = "";  // of each alone
    return shown;
  };
  return {json_answer(200, page_of(core_.predictions.list(filter, start, page_size + 1), start,
                                   url, place, view))};
}

// The run of a trainer is a prediction too, and has the id of its training.
ApiAnswer ReplicateApi::get_prediction(Request& request) {
  const std::string account = account_of(request);
  const std::string base = base_of(core_.options, request);
  const std::string id = path_name(request, "id");
  const auto prediction = core_.predictions.find(id);
  if (prediction && prediction->account == account)
    return {prediction_answer(200, *prediction, base)};
  const auto training = core_.trainings.find(id);
  if (training && training->account == account)
    return {json_answer(200, prediction_view(core_.parts_of(*training, base), base))};
  throw Refusal(404, "Not found.");
}

ApiAnswer ReplicateApi::cancel_prediction(Request& request) {
  const std::string account = account_of(request);
  const std::string id = path_name(request, "id");
  const auto prediction = core_.predictions.find(id);
  if (!prediction || prediction->account != account) throw Refusal(404, "Not found.");
  core_.predictions.cancel(id);
  wake_();
  return {prediction_answer(200, core_.predictions.find(id).value(),
                            base_of(core_.options, request))};
}

ApiAnswer ReplicateApi::hear_host_report(Request& request) {
  const auto subject =
      core_.capabilities.check(host_report_purpose, request.parameters.at("capability"));
  if (!subject || !hear_host(core_, *subject, parse_body(request.body)))
    throw Refusal(404, "Not found.");
  return {json_answer(200, Json::object())};
}

}  // namespace dream::host
