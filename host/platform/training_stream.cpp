#include "host/platform/training_stream.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <utility>

#include "host/base/text.hpp"
#include "host/streams/server_sent_event.hpp"

namespace dream::host {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds look_every{500};
constexpr std::chrono::seconds silence{15};

// A text of several lines is several data lines.
std::string event(std::string_view name, std::int64_t log_byte, std::string_view data) {
  std::string text = fmt::format("event: {}\nid: {}:{}\n", name, now_micros() / 1000, log_byte);
  any_part(data, '\n', [&](std::string_view line) {
    text += fmt::format("data: {}\n", line);
    return false;
  });
  return text + "\n";
}

struct News {
  std::string events;
  std::string status;  // as it was told
  std::int64_t log_byte = 0;
  bool ended = false;
};

News news_of(PlatformCore& core, const std::string& id, const News& last) {
  News news{"", last.status, last.log_byte, false};
  const auto training = core.trainings.find(id);
  if (!training) return {"", "", 0, true};
  // Steps after the training, logs last: what ended before it was read is complete.
  const TrainingParts parts{*training, core.trainings.steps(id), {}, ""};
  const LogPart logs = core.trainings.logs(id, last.log_byte);
  news.log_byte = logs.next;
  if (!logs.text.empty()) news.events += event("logs", logs.next, logs.text);
  const Json view = training_view(parts, "");
  Json told = {{"status", view.at("status")}};
  if (view.contains("steps")) told["steps"] = view["steps"];
  const std::string status = to_text(told);
  if (status != last.status) news.events += event("status", logs.next, status);
  news.status = status;
  news.ended = is_terminal(training->status);
  if (!news.ended) return news;
  Json reason = Json::object();
  if (training->status == training_status::canceled) reason["reason"] = "canceled";
  if (training->status == training_status::failed) {
    reason["reason"] = "error";
    news.events +=
        event("error", logs.next, to_text({{"detail", training->error.value_or("")}}));
  }
  news.events += event("done", logs.next, to_text(reason));
  return news;
}

std::int64_t last_byte_of(const Request& request) {
  const std::string* const last = request.header("last-event-id");
  if (last == nullptr) return 0;
  return parse_number<std::int64_t>(last->substr(last->rfind(':') + 1)).value_or(0);
}

}  // namespace

struct TrainingStreams::Watch {
  explicit Watch(asio::io_context& io) : timer(io) {}
  std::string id;
  News news;
  std::deque<std::string> waiting;
  bool closed = false;
  std::shared_ptr<BodyStream> stream;
  asio::steady_timer timer;
};

// Connections may outlive this, where a second signal has ended the loop.
TrainingStreams::~TrainingStreams() {
  for (const auto& watch : watches_) {
    watch->closed = true;
    watch->stream->on_closed([] {});
  }
}

void TrainingStreams::open(std::shared_ptr<Exchange> exchange) {
  const Request& request = exchange->request();
  const auto id = core_.capabilities.check("stream", request.parameters.at("capability"));
  if (!id) return exchange->respond(problem_answer(Refusal(404, "Not found.")));
  const auto watch = std::make_shared<Watch>(io_);
  watch->id = *id;
  watch->news.log_byte = last_byte_of(request);
  Response head{200, "text/event-stream", ""};
  head.headers = {{"cache-control", "no-store"}};
  watch->stream = exchange->begin_stream(std::move(head), [watch] {
    if (watch->waiting.empty()) return BodyPiece{nullptr, watch->news.ended || watch->closed};
    BodyPiece piece{std::make_shared<std::string>(std::move(watch->waiting.front())), false};
    watch->waiting.pop_front();
    return piece;
  });
  watch->stream->keep_alive(keep_alive_comment, silence);
  watches_.insert(watch);
  watch->stream->on_closed([this, watch] {
    watch->closed = true;
    watch->timer.cancel();
    watches_.erase(watch);
  });
  look(watch);
}

void TrainingStreams::look(const std::shared_ptr<Watch>& watch) {
  if (watch->closed) return;
  asio::post(pool_, [this, watch, last = watch->news] {
    News news = last;
    news.events.clear();
    try {
      news = news_of(core_, watch->id, last);
    } catch (const std::exception&) {  // the database is away: asked again later
    }
    asio::post(io_, [this, watch, news = std::move(news)]() mutable {
      if (watch->closed) return;
      if (!news.events.empty()) watch->waiting.push_back(std::exchange(news.events, {}));
      watch->news = std::move(news);
      const bool ended = watch->news.ended;
      watch->stream->wake();
      if (!ended) look_later(watch);
    });
  });
}

// A reader that is slow is not read for: what waits for it is bounded.
void TrainingStreams::look_later(const std::shared_ptr<Watch>& watch) {
  watch->timer.expires_after(look_every);
  watch->timer.async_wait([this, watch](const boost::system::error_code& error) {
    if (error) return;
    if (watch->waiting.empty())
      look(watch);
    else
      look_later(watch);
  });
}

void TrainingStreams::close_all() {
  const auto all = watches_;
  for (const auto& watch : all) {
    watch->closed = true;
    watch->timer.cancel();
    watch->stream->wake();
  }
}

}  // namespace dream::host
