// The routes of PlatformApi about trainings.
#include <fmt/format.h>

#include "host/base/text.hpp"
#include "host/platform/api.hpp"
#include "host/platform/idempotency.hpp"
#include "host/platform/paging.hpp"
#include "host/platform/training_checks.hpp"
#include "host/platform/weights_intake.hpp"

namespace dream::host {

void PlatformApi::add_training_routes(const AddRoute& add) {
  add("POST", "/v1/trainings", bound(&PlatformApi::create_training), WaitsFor::others);
  add("GET", "/v1/trainings", bound(&PlatformApi::list_trainings));
  add("GET", "/v1/trainings/{id}", bound(&PlatformApi::get_training));
  add("POST", "/v1/trainings/{id}/cancel", bound(&PlatformApi::cancel_training));
  add("POST", "/v1/trainings/{id}/retry", bound(&PlatformApi::retry_training));
  add("POST", "/callbacks/{capability}", bound(&PlatformApi::hear_trainer), WaitsFor::others);
}

ApiAnswer PlatformApi::create_training(Request& request) {
  const Caller caller = core_.options.accounts.caller(request);
  const Json body = parse_body(request.body);
  const std::string base = base_of(core_.options, request);
  const auto find = [&](const std::string& id) -> std::optional<Response> {
    const auto made = core_.trainings.find(id);
    return made ? std::optional<Response>(view_of(201, *made, base)) : std::nullopt;
  };
  const auto create = [&](const std::string& id) {
    return create_checked(caller, body, base, id);
  };
  return {answer_once(core_.replies, request, caller.account, to_text(body), find, create)};
}

Response PlatformApi::create_checked(const Caller& caller, const Json& body,
                                     const std::string& base, const std::string& id) {
  const TrainingRequest wanted = read_training_request(body, core_.options.catalogue);
  check_training(core_, wanted, caller.account);
  if (wanted.dry_run)
    return json_answer(200, {{"dry_run", true},
                             {"valid", true},
                             {"model", wanted.model_owner + "/" + wanted.model_name},
                             {"trainer", wanted.trainer ? Json(wanted.trainer->name) : Json()},
                             {"template", wanted.template_image->name}});
  const Training begun = keep_training(core_, new_training(wanted, caller, id), caller.quota);
  wake_();
  return view_of(201, begun, base);
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
  const auto start = read_cursor(request);
  std::string url = base + "/v1/trainings";
  for (const auto& [key, value] : {std::pair("status", status), std::pair("model", model)}) {
    if (!value.empty())
      url += fmt::format("{}{}={}", url.ends_with("trainings") ? '?' : '&', key, value);
  }
  const auto view = [&](const Training& training) {
    TrainingParts parts{training, core_.trainings.steps(training.id), {}, ""};
    core_.add_urls(parts, base);
    return training_list_view(parts, base);
  };
  const auto place = [](const Training& training) {
    return PageStart{training.created_at, training.id};
  };
  return {json_answer(200, page_of(core_.trainings.list(filter, start, page_size + 1), start, url,
                                   place, view))};
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
      const StoredOutput stored = stored_output(core_, *output);
      report.output = to_text(stored.output);
      report.blob = stored.blob;
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
