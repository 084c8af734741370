#include "host/platform/stream_source.hpp"

#include <fmt/format.h>

#include "host/base/text.hpp"
#include "host/platform/stored_prediction_view.hpp"

namespace dream::host {
namespace {

struct TrainingMark {
  std::string status;  // as it was told
  std::int64_t log_byte = 0;
  std::string revision = {};
};

StreamNews training_news(PlatformCore& core, const std::string& id, TrainingMark& mark) {
  // Before the rest: what changes meanwhile is news again.
  const std::string revision = core.trainings.revision(id);
  if (!revision.empty() && revision == mark.revision) return {};
  const auto training = core.trainings.find(id);
  if (!training) return {"", true};
  StreamNews news;
  // Steps after the training, logs last: what ended before it was read is complete.
  const TrainingParts parts{*training, core.trainings.steps(id), {}, ""};
  const LogPart logs = core.trainings.logs(id, mark.log_byte);
  const std::string place = std::to_string(logs.next);
  if (!logs.text.empty()) news.events += stream_event("logs", place, logs.text);
  const Json view = training_view(parts, "");
  Json told = {{"status", view.at("status")}};
  if (view.contains("steps")) told["steps"] = view["steps"];
  const std::string status = to_text(told);
  if (status != mark.status) news.events += stream_event("status", place, status);
  mark = {status, logs.next, revision};
  news.ended = is_terminal(training->status);
  if (!news.ended) return news;
  const char* reason = training->status == training_status::canceled ? "canceled"
                       : training->status == training_status::failed ? "error"
                                                                     : "";
  news.events += last_events(place, reason, training->error.value_or(""));
  return news;
}

struct PredictionMark {
  std::size_t items = 0;
  std::size_t log_byte = 0;
  std::optional<StoredPredictions::Revision> revision = {};

  std::string place() const { return fmt::format("{}-{}", items, log_byte); }
};

PredictionMark read_mark(const std::string& place) {
  const std::size_t dash = place.find('-');
  if (dash == std::string::npos) return {};
  return {parse_number<std::size_t>(place.substr(0, dash)).value_or(0),
          parse_number<std::size_t>(place.substr(dash + 1)).value_or(0)};
}

StreamNews prediction_news(PlatformCore& core, const std::string& id, const std::string& base,
                           PredictionMark& mark) {
  // Before the rest: what changes meanwhile is news again.
  const auto revision = core.predictions.revision(id);
  if (revision && revision == mark.revision) return {};
  const auto prediction = core.predictions.find(id);
  if (!prediction) return {"", true};
  StreamNews news;
  mark.revision = revision;
  const Json view = stored_prediction_view(core, *prediction, base);
  const Json items = output_items(view.at("output"));
  // It was put back, and runs again from its beginning.
  if (prediction->logs.size() < mark.log_byte) mark.log_byte = 0;
  if (items.size() < mark.items) mark.items = 0;
  if (prediction->logs.size() > mark.log_byte) {
    const std::string part = prediction->logs.substr(mark.log_byte);
    mark.log_byte = prediction->logs.size();
    news.events += stream_event("logs", mark.place(), part);
  }
  while (mark.items < items.size()) {
    const Json& item = items[mark.items];
    ++mark.items;
    news.events += stream_event("output", mark.place(),
                                item.is_string() ? item.get<std::string>() : to_text(item));
  }
  news.ended = is_terminal(prediction->status);
  if (!news.ended) return news;
  const char* reason = prediction->status == "canceled" ? "canceled"
                       : prediction->status == "failed" ? "error"
                                                        : "";
  news.events += last_events(mark.place(), reason, prediction->error.value_or(""));
  return news;
}

}  // namespace

std::string stream_event(std::string_view name, const std::string& place, std::string_view data) {
  std::string text = fmt::format("event: {}\nid: {}:{}\n", name, now_micros() / 1000, place);
  any_part(data, '\n', [&](std::string_view line) {
    text += fmt::format("data: {}\n", line);
    return false;
  });
  return text + "\n";
}

std::string last_events(const std::string& place, const std::string& reason,
                        const std::string& error) {
  std::string events;
  if (reason == "error") events += stream_event("error", place, to_text({{"detail", error}}));
  Json done = Json::object();
  if (!reason.empty()) done["reason"] = reason;
  return events + stream_event("done", place, to_text(done));
}

std::string place_of(const std::string& last_event_id) {
  const std::size_t colon = last_event_id.rfind(':');
  return colon == std::string::npos ? "" : last_event_id.substr(colon + 1);
}

StreamSource training_source(PlatformCore& core, const std::string& id, const std::string& place) {
  const std::int64_t log_byte = parse_number<std::int64_t>(place).value_or(0);
  return [&core, id, mark = TrainingMark{"", log_byte}]() mutable {
    return training_news(core, id, mark);
  };
}

StreamSource prediction_source(PlatformCore& core, const std::string& id, const std::string& place,
                               const std::string& base) {
  return [&core, id, base, mark = read_mark(place)]() mutable {
    return prediction_news(core, id, base, mark);
  };
}

}  // namespace dream::host
