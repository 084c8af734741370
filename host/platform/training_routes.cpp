// The routes of PlatformApi about trainings.
#include <fmt/format.h>

#include "host/base/base64.hpp"
#include "host/base/ids.hpp"
#include "host/base/text.hpp"
#include "host/platform/api.hpp"
#include "host/platform/cog_trainer.hpp"
#include "host/platform/training_request.hpp"
#include "host/platform/weights_intake.hpp"

namespace dream::host {
namespace {

constexpr std::int64_t page_size = 100;
constexpr Micros patience = 60'000'000;             // with another request of the same key
constexpr Micros key_lifetime = 24 * 3600'000'000LL;
constexpr std::size_t longest_key = 255;

std::string query_of(const Request& request, std::string_view name) {
  std::string value;
  any_part(request.query, '&', [&](std::string_view part) {
    const std::size_t equals = part.find('=');
    if (part.substr(0, equals) != name || equals == std::string_view::npos) return false;
    bool valid = true;
    value = percent_decode(part.substr(equals + 1), valid);
    if (!valid || value.find('\0') != std::string::npos)
      throw Refusal(422, fmt::format("{}: it is not a text in UTF-8", name), std::string(name));
    return true;
  });
  return value;
}

// What a cursor says is nobody's secret; it is opaque so that clients do not make their own.
std::string cursor_text(const Training& training, bool backwards) {
  std::string text = base64_encode(fmt::format("{}.{}.{}", backwards ? "p" : "n",
                                               training.created_at, training.id));
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::optional<PageStart> read_cursor(const std::string& cursor) {
  if (cursor.empty()) return std::nullopt;
  const std::string text = base64_decode(cursor).value_or("");
  const std::size_t dot = text.find('.', 2);
  if ((text.starts_with("n.") || text.starts_with("p.")) && dot != std::string::npos) {
    const auto time = parse_number<Micros>(text.substr(2, dot - 2));
    const std::string id = text.substr(dot + 1);
    if (time && id.find('\0') == std::string::npos && valid_utf8(id) == id)
      return PageStart{*time, id, text[0] == 'p'};
  }
  throw Refusal(422, "cursor: it is not one of this list", "cursor");
}

void check_inputs(PlatformCore& core, const TrainingRequest& wanted) {
  std::string field;
  const std::string pictures = stored_dataset_problem(core, wanted.input, field);
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

NewTraining new_training(const TrainingRequest& wanted, const std::string& account,
                         const std::string& id) {
  NewTraining training;
  training.id = id;
  training.origin = "dreambooth";
  training.account = account;
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

}  // namespace

void PlatformApi::add_training_routes(const AddRoute& add) {
  const auto bound = [this](ApiAnswer (PlatformApi::*method)(Request&)) {
    return [this, method](Request& request) { return (this->*method)(request); };
  };
  add("POST", "/v1/trainings", bound(&PlatformApi::create_training));
  add("GET", "/v1/trainings", bound(&PlatformApi::list_trainings));
  add("GET", "/v1/trainings/{id}", bound(&PlatformApi::get_training));
  add("POST", "/v1/trainings/{id}/cancel", bound(&PlatformApi::cancel_training));
  add("POST", "/v1/trainings/{id}/retry", bound(&PlatformApi::retry_training));
  add("GET", "/v1/predictions/{id}", bound(&PlatformApi::get_prediction));
  add("POST", "/callbacks/{capability}", bound(&PlatformApi::hear_trainer));
}

ApiAnswer PlatformApi::create_training(Request& request) {
  const std::string account = core_.options.accounts.of(request);
  const Json body = parse_body(request.body);
  const std::string base = base_of(core_.options, request);
  const std::string* const key = request.header("idempotency-key");
  if (key == nullptr) return {create_checked(account, body, base, new_id())};
  if (key->empty() || key->size() > longest_key || valid_utf8(*key) != *key)
    throw Refusal(422, fmt::format("Idempotency-Key: 1 to {} bytes of UTF-8 are needed",
                                   longest_key),
                  "Idempotency-Key");
  const auto begun = core_.replies.begin(account, *key, hmac_sha256("trainings", to_text(body)),
                                         new_id(), patience, key_lifetime);
  using Kind = Replies::Begun::Kind;
  if (begun.kind == Kind::answered) return {{begun.status, "application/json", begun.body}};
  if (begun.kind == Kind::other)
    throw Refusal(422, "Idempotency-Key: it was used for another request", "Idempotency-Key");
  if (begun.kind == Kind::in_work)
    throw Refusal(409, "A request with this Idempotency-Key is in work");
  try {
    // Who began it before may have come as far as this.
    const auto made = core_.trainings.find(begun.subject);
    const Response response =
        made ? view_of(201, *made, base) : create_checked(account, body, base, begun.subject);
    core_.replies.finish(account, *key, response.status, response.body);
    return {response};
  } catch (...) {
    core_.replies.forget(account, *key);
    throw;
  }
}

Response PlatformApi::create_checked(const std::string& account, const Json& body,
                                     const std::string& base, const std::string& id) {
  const TrainingRequest wanted = read_training_request(body, core_.options.catalogue);
  check_inputs(core_, wanted);
  check_destination(core_, wanted, account);
  if (wanted.dry_run)
    return json_answer(200, {{"dry_run", true},
                             {"valid", true},
                             {"model", wanted.model_owner + "/" + wanted.model_name},
                             {"trainer", wanted.trainer ? Json(wanted.trainer->name) : Json()},
                             {"template", wanted.template_image->name}});
  const std::int64_t most = core_.options.limits.account_trainings;
  if (!core_.trainings.create(new_training(wanted, account, id), most)) {
    Refusal refusal(429, fmt::format("Request was throttled. {} trainings of your account have not "
                                     "ended, which is as many as may be",
                                     most));
    refusal.retry_after_s = 30;
    throw refusal;
  }
  wake_();
  return view_of(201, core_.trainings.find(id).value(), base);
}

ApiAnswer PlatformApi::get_training(Request& request) {
  return {view_of(200, own_training(request), base_of(core_.options, request))};
}

ApiAnswer PlatformApi::list_trainings(Request& request) {
  const std::string base = base_of(core_.options, request);
  TrainingFilter filter{.account = core_.options.accounts.of(request)};
  const std::string status = query_of(request, "status");
  if (!status.empty()) filter.status = status;
  const std::string model = query_of(request, "model");
  if (!model.empty()) {
    const auto [owner, name] = read_model_name(model, "model");
    filter.model_owner = owner;
    filter.model_name = name;
  }
  const auto start = read_cursor(query_of(request, "cursor"));
  auto page = core_.trainings.list(filter, start, page_size + 1);
  const bool backwards = start && start->backwards;
  const bool more = page.size() > static_cast<std::size_t>(page_size);
  if (more) page.erase(backwards ? page.begin() : page.end() - 1);
  const auto link = [&](const Training& training, bool back) {
    std::string url = base + "/v1/trainings?cursor=" + cursor_text(training, back);
    if (!status.empty()) url += "&status=" + status;
    if (!model.empty()) url += "&model=" + model;
    return url;
  };
  Json results = Json::array();
  for (const auto& training : page) {
    TrainingParts parts{training, core_.trainings.steps(training.id), {}, ""};
    core_.add_urls(parts, base);
    Json view = training_view(parts, base);
    view["logs"] = nullptr;  // of each alone
    results.push_back(std::move(view));
  }
  const bool before = start && (!backwards || more);
  const bool after = backwards || more;
  Json body = {{"previous", nullptr}, {"next", nullptr}, {"results", std::move(results)}};
  if (!page.empty() && before) body["previous"] = link(page.front(), true);
  if (!page.empty() && after) body["next"] = link(page.back(), false);
  return {json_answer(200, body)};
}

ApiAnswer PlatformApi::cancel_training(Request& request) {
  const Training training = own_training(request);
  core_.trainings.cancel(training.id);
  wake_();
  return {view_of(200, core_.trainings.find(training.id).value(),
                  base_of(core_.options, request))};
}

ApiAnswer PlatformApi::retry_training(Request& request) {
  const Training training = own_training(request);
  const Json body = parse_body(request.body);
  const auto named = body.find("step");
  if (named != body.end() && !named->is_string())
    throw Refusal(422, "step: a text is needed: train, fetch, build, push or webhook", "step");
  const std::string step = named == body.end() ? "" : named->get<std::string>();
  if (step == "webhook") {
    if (!core_.deliveries.send_again(training.id))
      throw Refusal(409, "There is no webhook of this training to send again");
  } else {
    using Retry = Trainings::Retry;
    switch (core_.trainings.retry(training.id, step)) {
      case Retry::done: break;
      case Retry::not_ended: throw Refusal(409, "The training has not ended");
      case Retry::too_early:
        throw Refusal(409, fmt::format("step: a step before '{}' has not succeeded", step), "step");
      case Retry::no_such_step:
        throw Refusal(422,
                      step.empty() ? "Every step of the training has succeeded: name the one to "
                                     "run again"
                                   : fmt::format("step: the training has no step '{}'", step),
                      "step");
    }
  }
  wake_();
  return {view_of(200, core_.trainings.find(training.id).value(),
                  base_of(core_.options, request))};
}

ApiAnswer PlatformApi::get_prediction(Request& request) {
  const std::string base = base_of(core_.options, request);
  const Training training = own_training(request);
  return {json_answer(200, prediction_view(core_.parts_of(training, base), base))};
}

ApiAnswer PlatformApi::hear_trainer(Request& request) {
  const auto subject = core_.capabilities.check("trainer", request.parameters.at("capability"));
  if (!subject) throw Refusal(404, "Not found.");
  const std::size_t dot = subject->rfind('.');
  const std::string training = subject->substr(0, dot);
  const std::int64_t run = parse_number<std::int64_t>(subject->substr(dot + 1)).value_or(0);
  const Json body = parse_body(request.body);
  const auto text = [&](const char* key) -> std::optional<std::string> {
    const auto found = body.find(key);
    if (found == body.end() || found->is_null()) return std::nullopt;
    std::string value = found->is_string() ? found->get<std::string>() : to_text(*found);
    std::erase(value, '\0');
    return value;
  };
  Report report{.status = text("status").value_or("processing")};
  report.error = text("error");
  report.metrics = text("metrics");
  const auto output = body.find("output");
  if (is_terminal(report.status) && output != body.end() && !output->is_null()) {
    try {
      report.output = to_text(stored_output(core_, *output));
    } catch (const Refusal& refusal) {
      // To refuse the report would help nobody: the trainer has nothing else to tell.
      report.status = training_status::failed;
      report.error = std::string("the trainer's ") + refusal.what();
    }
  }
  if (!core_.reports.add(training, run, report, text("logs").value_or("")))
    throw Refusal(404, "Not found.");
  return {json_answer(200, Json::object())};
}

}  // namespace dream::host
