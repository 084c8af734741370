#include "host/platform/prediction_host.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <functional>
#include <thread>

#include "host/base/ids.hpp"
#include "host/base/text.hpp"
#include "host/platform/http_call.hpp"
#include "host/platform/model_view.hpp"

namespace dream::host {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds look{50};
constexpr seconds set_up_limit{3600};
constexpr seconds busy_limit{60};    // that it may have no room although nothing runs there
constexpr std::size_t most_answer = 256U << 20;
constexpr std::size_t most_setup_log = 2000;

Json parsed(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_object() ? json : Json::object();
}

std::optional<std::string> text_of(const Json& body, const char* key) {
  const auto found = body.find(key);
  if (found == body.end() || found->is_null()) return std::nullopt;
  std::string text = valid_utf8(found->is_string() ? found->get<std::string>() : to_text(*found));
  std::erase(text, '\0');
  return text;
}

// JSON escapes NUL, so this is what the database takes.
std::optional<std::string> json_of(const Json& body, const char* key) {
  const auto found = body.find(key);
  return found == body.end() || found->is_null() ? std::nullopt
                                                 : std::optional<std::string>(to_text(*found));
}

// The words of a refusal in Cog's several forms.
std::string refusal_of(const Json& body, long status) {
  const auto detail = body.find("detail");
  if (detail != body.end() && detail->is_array()) {
    std::string words;
    for (const Json& entry : *detail) {
      if (!entry.is_object()) continue;
      const Json where = entry.value("loc", Json::array());
      const std::string name = where.empty() || !where.back().is_string()
                                   ? std::string("input")
                                   : where.back().get<std::string>();
      words += fmt::format("{}{}: {}", words.empty() ? "" : "; ", name,
                           entry.value("msg", std::string("not allowed")));
    }
    return words;
  }
  for (const char* key : {"error", "detail"}) {
    if (const auto text = text_of(body, key)) return *text;
  }
  return fmt::format("its host answered {}", status);
}

// What has happened is not forgotten because the database is away for a moment.
void persist(const RunFlags& flags, const std::function<void()>& work) {
  while (true) {
    try {
      return work();
    } catch (const sql::Error& error) {
      spdlog::error("a prediction's end cannot be kept yet: {}", error.what());
      if (flags.is_let_go) return;  // the lease runs out, and it is taken again
      std::this_thread::sleep_for(seconds(1));
    }
  }
}

bool is_ended(const std::string& status) {
  return status == "succeeded" || status == "failed" || status == "canceled";
}

}  // namespace

std::string not_installed(const std::string& template_name) {
  return fmt::format("the template '{}' is not installed on this machine", template_name);
}

PredictionHost::PredictionHost(PlatformCore& core, HostKind kind, const std::string& hardware)
    : core_(core), kind_(std::move(kind)) {
  const std::string name = core_.served_with(kind_.template_name);
  if (name.empty()) throw HostLacks(not_installed(kind_.template_name));
  const auto weights = core_.blobs->open(kind_.weights);
  if (!weights) throw HostLacks("the weights of the version are no longer in the store");
  weights_ = *weights;
  const std::string id = new_id();
  ready_file_ = core_.blobs->scratch() / ("ready-" + id);
  const std::string outputs =
      core_.local_url + "/host-outputs/" + core_.capabilities.make(host_output_purpose, id);
  std::vector<std::string> arguments{"--weights",     weights_.path.string(),
                                     "--ready-file",  ready_file_.string(),
                                     "--concurrency", "1"};
  if (hardware == "cpu") arguments.insert(arguments.end(), {"--device", "cpu"});
  local_ = std::make_unique<LocalHost>(name, std::move(arguments), outputs,
                                       core_.options.addresses, core_.local_url);
}

PredictionHost::~PredictionHost() {
  local_.reset();
  std::error_code ignored;
  std::filesystem::remove(ready_file_, ignored);
}

HostFailed PredictionHost::set_up_problem(const std::string& health) const {
  const Json body = parsed(health);
  const Json setup = body.value("setup", Json::object());
  std::string logs = setup.is_object() ? text_of(setup, "logs").value_or("") : "";
  if (logs.size() > most_setup_log) logs = valid_utf8(logs.substr(logs.size() - most_setup_log));
  return HostFailed(fmt::format("the host of the version cannot be set up{}{}",
                                logs.empty() ? "" : ": ", trimmed(logs, " \n")));
}

bool PredictionHost::set_up(const std::atomic<bool>& ended) {
  const auto limit = Clock::now() + set_up_limit;
  auto asked = Clock::now();
  while (Clock::now() < limit) {
    if (ended) return false;
    // Made by our own child: whatever else may listen on its port cannot be taken for it.
    if (std::filesystem::exists(ready_file_)) {
      const auto openapi = call({.url = local_->url() + "/openapi.json",
                                 .timeout = milliseconds(5000),
                                 .canceled = &ended});
      keep_schema(core_, core_.served_with(kind_.template_name), parsed(openapi.body));
      return true;
    }
    if (const std::string how = local_->end(); !how.empty())
      throw HostGone("the host of the version has ended before it was ready: " + how);
    if (Clock::now() - asked > milliseconds(500)) {
      asked = Clock::now();
      const auto health = call({.url = local_->url() + "/health-check",
                                .timeout = milliseconds(5000),
                                .canceled = &ended});
      const std::string status = parsed(health.body).value("status", std::string());
      if (status == "SETUP_FAILED" || status == "DEFUNCT") throw set_up_problem(health.body);
    }
    std::this_thread::sleep_for(look);
  }
  throw HostFailed("the host of the version was not ready within an hour");
}

PredictionHost::After PredictionHost::run(const StoredPrediction& prediction,
                                          const RunFlags& flags) {
  const std::string subject = prediction.id + "." + std::to_string(prediction.attempt);
  const Json body = {
      {"id", prediction.id},
      {"input",
       core_.reachable(Json::parse(prediction.input), prediction.account, core_.local_url)},
      {"webhook", core_.local_url + "/callbacks/hosts/" +
                      core_.capabilities.make(host_report_purpose, subject)},
      {"webhook_events_filter", {"output", "logs"}}};
  HttpCall put{.method = "PUT", .url = local_->url() + "/predictions/" + prediction.id};
  put.headers = {"Content-Type: application/json"};
  put.body = to_text(body);
  put.timeout = std::chrono::hours(24);
  put.most_bytes = most_answer;
  put.canceled = &flags.is_let_go;
  PredictionQueue& queue = core_.prediction_queue;
  const auto finish = [&](const PredictionResult& result) {
    persist(flags, [&] { queue.finish(prediction.id, prediction.attempt, result); });
  };
  const auto limit = Clock::now() + busy_limit;
  while (true) {
    const HttpReply reply = call(put);
    const Json answer = parsed(reply.body);
    const std::string status = text_of(answer, "status").value_or("");
    const bool ended = reply.status != 0 && reply.status < 300 && is_ended(status);
    // One let go may have failed only because its platform took nothing from it any more.
    if (flags.is_let_go && !(ended && status == "succeeded")) {
      if (flags.is_to_end)
        finish({.status = "canceled"});
      else
        persist(flags, [&] { queue.put_back(prediction.id, prediction.attempt); });
      return After::is_broken;
    }
    if (reply.status == 0) {
      for (int i = 0; i < 40 && local_->end().empty(); ++i) std::this_thread::sleep_for(look);
      const std::string how = local_->end().empty() ? reply.error : local_->end();
      if (flags.is_to_end)
        finish({.status = "canceled"});
      else
        finish({.status = "failed", .error = "the host that ran it ended: " + how});
      return After::is_broken;
    }
    if (ended) {
      finish({status, json_of(answer, "output"), text_of(answer, "error"),
              text_of(answer, "logs"), json_of(answer, "metrics")});
      return After::goes_on;
    }
    const bool full = reply.status == 409 || reply.status == 503;
    if (full && Clock::now() < limit && !flags.is_to_end) {
      std::this_thread::sleep_for(look);
      continue;
    }
    if (flags.is_to_end)
      finish({.status = "canceled"});
    else
      finish({.status = "failed", .error = refusal_of(answer, reply.status)});
    return full ? After::is_broken : After::goes_on;
  }
}

void PredictionHost::cancel(const std::string& prediction) const {
  call({.method = "POST",
        .url = local_->url() + "/predictions/" + prediction + "/cancel",
        .timeout = milliseconds(2000)});
}

bool hear_host(PlatformCore& core, const std::string& subject, const Json& body) {
  const std::size_t dot = subject.rfind('.');
  const auto attempt = parse_number<std::int64_t>(subject.substr(dot + 1)).value_or(0);
  return core.prediction_queue.progress(
      subject.substr(0, dot), attempt,
      {json_of(body, "output"), text_of(body, "logs").value_or("")});
}

}  // namespace dream::host
