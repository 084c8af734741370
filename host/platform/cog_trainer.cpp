#include "host/platform/cog_trainer.hpp"

#include "host/platform/http_call.hpp"

namespace dream::host {
namespace {

Json parsed(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_object() ? json : Json::object();
}

// What a refusal says, in Cog's several forms.
std::string words_of(const HttpReply& reply) {
  const Json body = parsed(reply.body);
  const auto detail = body.find("detail");
  if (detail != body.end() && detail->is_array() && !detail->empty()) {
    std::string words;
    for (const Json& entry : *detail) {
      if (!entry.is_object()) continue;
      std::string where;
      for (const Json& part : entry.value("loc", Json::array())) {
        if (part == "body") continue;
        where += (where.empty() ? "" : ".") + (part.is_string() ? part.get<std::string>()
                                                                : to_text(part));
      }
      words += (words.empty() ? "" : "; ") + where + ": " +
               entry.value("msg", std::string("not allowed"));
    }
    return words;
  }
  for (const char* key : {"detail", "error"}) {
    const auto found = body.find(key);
    if (found != body.end() && found->is_string()) return found->get<std::string>();
  }
  return reply.body.substr(0, 500);
}

}  // namespace

TrainerHealth CogTrainer::health() const {
  const HttpReply reply = call({.url = url_ + "/health-check",
                                .timeout = std::chrono::milliseconds(10000),
                                .canceled = &ended_});
  TrainerHealth health;
  if (reply.status != 200) return health;
  const Json body = parsed(reply.body);
  health.reachable = true;
  health.status = body.value("status", std::string("UNKNOWN"));
  const auto setup = body.find("setup");
  if (setup != body.end() && setup->is_object())
    health.started_at = setup->value("started_at", std::string());
  return health;
}

Json CogTrainer::document(const std::atomic<bool>* canceled) const {
  const HttpReply reply = call({.url = url_ + "/openapi.json",
                                .timeout = std::chrono::milliseconds(10000),
                                .canceled = canceled});
  if (reply.status != 200) return nullptr;
  return parsed(reply.body);
}

std::string CogTrainer::entry(const std::atomic<bool>* canceled) const {
  if (!entry_.empty()) return entry_;
  const Json described = document(canceled);
  if (described.is_null()) return "";
  const auto paths = described.find("paths");
  const bool trains = paths != described.end() && paths->contains("/trainings");
  return entry_ = trains ? "/trainings/" : "/predictions/";
}

CogTrainer::Started CogTrainer::start(const std::string& id, const Json& input,
                                      const std::string& webhook) const {
  Started started;
  if (entry(&ended_).empty()) {
    started.kind = health().reachable ? Started::Kind::busy : Started::Kind::unreachable;
    started.problem = "the trainer does not answer";
    return started;
  }
  const Json body = {{"id", id},
                     {"input", input},
                     {"webhook", webhook},
                     {"webhook_events_filter", {"start", "logs", "completed"}}};
  const HttpReply reply = call({.method = "PUT",
                                .url = url_ + entry_ + id,
                                .headers = {"Content-Type: application/json",
                                            "Prefer: respond-async"},
                                .body = to_text(body),
                                .timeout = std::chrono::milliseconds(60000),
                                .canceled = &ended_});
  started.body = parsed(reply.body);
  started.problem = reply.error;
  if (reply.status == 0) return started;
  if (reply.status == 409 || reply.status == 503 || reply.status == 429) {
    started.kind = Started::Kind::busy;
  } else if (reply.status >= 200 && reply.status < 300) {
    const std::string status = started.body.value("status", std::string());
    const bool ended = status == "succeeded" || status == "failed" || status == "canceled";
    started.kind = ended ? Started::Kind::finished : Started::Kind::running;
  } else if (reply.status >= 500) {
    started.problem = "the trainer answered " + std::to_string(reply.status);
  } else {
    started.kind = Started::Kind::refused;
    started.problem = words_of(reply);
  }
  return started;
}

bool CogTrainer::cancel(const std::string& id) const {
  // Not ended with the step: this is what its end is about.
  if (entry(nullptr).empty()) return false;
  return call({.method = "POST",
               .url = url_ + entry_ + id + "/cancel",
               .timeout = std::chrono::milliseconds(10000)})
             .status == 200;
}

}  // namespace dream::host
