#include "host/streams/feed.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "host/base/text.hpp"
#include "host/streams/server_sent_event.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

std::string_view to_string(LogSource source) {
  return source == LogSource::standard_error ? "stderr" : "stdout";
}

BodyPiece missed(const char* what, std::uint64_t skipped) {
  return {std::make_shared<const std::string>(
              server_sent_event("error", {{"error", what}, {"skipped", skipped}})),
          true};
}

EventRing::Event event_of(std::string_view name, const json& data) {
  return std::make_shared<const std::string>(server_sent_event(name, data));
}

json progress_data(const Progress& progress) {
  return {{"elapsed_s", progress.elapsed_s},
          {"label", progress.label},
          {"step", progress.step},
          {"steps", progress.steps}};
}

json preview_data(const Preview& preview) {
  return {{"image", preview.image},
          {"picture", preview.picture},
          {"step", preview.step},
          {"steps", preview.steps}};
}

}  // namespace

FeedLimits FeedLimits::from_environment() {
  FeedLimits limits;
  const char* const text = std::getenv("COG_STREAM_HISTORY_CAPACITY");
  if (text == nullptr) return limits;
  if (const auto capacity = parse_number<std::size_t>(text))
    limits.history = *capacity;
  else
    spdlog::warn("COG_STREAM_HISTORY_CAPACITY: '{}' is not a whole number of at least 0; {} is "
                 "taken", text, limits.history);
  return limits;
}

bool ExtraEvents::add(std::string_view names) {
  return !any_part(names, ',', [this](std::string_view name) {
    if (name == "progress") progress = true;
    if (name == "preview") preview = true;
    return name != "progress" && name != "preview";
  });
}

Feed::Feed(const FeedLimits& limits, Rendering rendering)
    : limits_(limits),
      rendering_(std::move(rendering)),
      ring_(std::max(limits.history, limits.live), limits.bytes) {}

Prediction::Observer Feed::observer() {
  return [self = shared_from_this()](const Snapshot& snapshot, const PredictionEvent& event) {
    self->on_event(snapshot, event);
  };
}

void Feed::on_event(const Snapshot& snapshot, const PredictionEvent& event) {
  using Kind = PredictionEvent::Kind;
  switch (event.kind) {
    case Kind::start:
      push("start", {{"id", snapshot.id}, {"status", to_string(snapshot.status)}});
      break;
    case Kind::output:
      push("output", {{"chunk", rendering_.newest_output(snapshot)},
                      {"index", snapshot.output.size() - 1}});
      break;
    case Kind::log:
      for (std::string_view text = event.text; !text.empty();) {  // Cog tells it line by line
        const auto line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
        push("log", {{"data", line}, {"source", to_string(event.source)}});
        text.remove_prefix(line.size());
      }
      break;
    case Kind::progress:  // its line is where a progress bar of Python would write it
      if (!event.text.empty()) push("log", {{"data", event.text}, {"source", "stderr"}});
      progress_ = event_of("progress", progress_data(snapshot.progress));
      offer(&ExtraEvents::progress, &Watcher::progress, progress_);
      break;
    case Kind::metric:
      push("metric", {{"mode", event.metric->mode},
                      {"name", event.metric->name},
                      {"value", event.metric->value}});
      break;
    case Kind::preview:
      preview_ = event_of("preview", preview_data(*event.preview));
      offer(&ExtraEvents::preview, &Watcher::preview, preview_);
      break;
    case Kind::completed:
      is_complete_ = true;
      push("completed", rendering_.whole(snapshot));
      break;
  }
}

void Feed::push(std::string_view name, const json& data) {
  ring_.push(server_sent_event(name, data));
  wake_all();
}

void Feed::offer(bool ExtraEvents::* wanted, EventRing::Event Watcher::* place,
                 const EventRing::Event& event) {
  for (Watcher& watcher : watchers_)
    if (watcher.extras.*wanted) watcher.*place = event;
  wake_all();
}

void Feed::wake_all() {
  for (const Watcher& watcher : watchers_)
    if (watcher.body != nullptr) watcher.body->wake();
}

void Feed::watch(Exchange& exchange, ExtraEvents extras,
                 std::vector<std::pair<std::string, std::string>> headers, Past past) {
  Watcher& watcher = watchers_.emplace_back();
  watcher.extras = extras;
  if (extras.progress) watcher.progress = progress_;
  if (extras.preview) watcher.preview = preview_;
  const std::uint64_t shown =
      past == Past::all ? ring_.end() : std::min<std::uint64_t>(ring_.end(), limits_.history);
  const std::uint64_t first = std::max(ring_.begin(), ring_.end() - shown);
  if (shown > 0) watcher.skipped = first;
  watcher.next = first;
  headers.emplace_back("cache-control", "no-cache");
  headers.emplace_back("x-accel-buffering", "no");  // nginx would hold events back
  const auto body = exchange.begin_stream(
      {.status = 200, .content_type = "text/event-stream", .headers = std::move(headers)},
      [self = shared_from_this(), &watcher] { return self->next_piece(watcher); });
  watcher.body = body;
  body->keep_alive(keep_alive_comment, limits_.keep_alive);
  body->on_closed([self = shared_from_this(), &watcher] { self->leave(watcher); });
}

BodyPiece Feed::next_piece(Watcher& watcher) const {
  if (watcher.skipped > 0)
    return missed("SSE stream replay truncated; events were dropped", watcher.skipped);
  if (watcher.next < ring_.begin())
    return missed("SSE stream lagged; events were dropped", ring_.begin() - watcher.next);
  const std::uint64_t left = ring_.end() - watcher.next;
  if (left == 0 || (is_complete_ && left == 1)) {  // before the end, the last of these
    if (watcher.progress != nullptr) return {std::exchange(watcher.progress, nullptr)};
    if (watcher.preview != nullptr) return {std::exchange(watcher.preview, nullptr)};
  }
  if (left == 0) return {nullptr, is_complete_};
  return {ring_.at(watcher.next++), is_complete_ && left == 1};
}

void Feed::leave(const Watcher& watcher) {
  const auto keep = shared_from_this();  // the stream that goes may have been the last to hold us
  watchers_.remove_if([&](const Watcher& other) { return &other == &watcher; });
  if (!watchers_.empty() || is_complete_) return;
  if (const auto callback = std::exchange(on_abandoned_, nullptr)) callback();
}

}  // namespace dream::host
