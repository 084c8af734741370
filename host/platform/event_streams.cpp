#include "host/platform/event_streams.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <utility>

#include "host/platform/api.hpp"
#include "host/streams/server_sent_event.hpp"

namespace dream::host {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds look_every{200};
constexpr std::chrono::seconds silence{15};

// Null for a capability that is none of ours.
StreamSource source_of(PlatformCore& core, const Request& request) {
  const std::string& capability = request.parameters.at("capability");
  const std::string* const last = request.header("last-event-id");
  const std::string place = last == nullptr ? "" : place_of(*last);
  if (const auto id = core.capabilities.check("stream", capability))
    return training_source(core, *id, place);
  if (const auto id = core.capabilities.check("prediction-stream", capability))
    return prediction_source(core, *id, place, base_of(core.options, request));
  return nullptr;
}

}  // namespace

struct EventStreams::Watch {
  explicit Watch(asio::io_context& io) : timer(io) {}
  StreamSource source;
  bool ended = false;
  std::deque<std::string> waiting;
  bool closed = false;
  std::shared_ptr<BodyStream> stream;
  asio::steady_timer timer;
};

// Connections may outlive this, where a second signal has ended the loop.
EventStreams::~EventStreams() {
  for (const auto& watch : watches_) {
    watch->closed = true;
    watch->stream->on_closed([] {});
  }
}

void EventStreams::open(std::shared_ptr<Exchange> exchange) {
  const Request& request = exchange->request();
  StreamSource source = source_of(core_, request);
  if (!source) return exchange->respond(problem_answer(Refusal(404, "Not found.")));
  const auto watch = std::make_shared<Watch>(io_);
  watch->source = std::move(source);
  Response head{200, "text/event-stream", ""};
  head.headers = {{"cache-control", "no-store"}};
  watch->stream = exchange->begin_stream(std::move(head), [watch] {
    if (watch->waiting.empty()) return BodyPiece{nullptr, watch->ended || watch->closed};
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

void EventStreams::look(const std::shared_ptr<Watch>& watch) {
  if (watch->closed) return;
  asio::post(pool_, [this, watch] {
    StreamNews news;
    try {
      news = watch->source();
    } catch (const std::exception&) {  // the database is away: asked again later
    }
    asio::post(io_, [this, watch, news = std::move(news)]() mutable {
      if (watch->closed) return;
      if (!news.events.empty()) watch->waiting.push_back(std::move(news.events));
      watch->ended = news.ended;
      watch->stream->wake();
      if (!news.ended) look_later(watch);
    });
  });
}

// A reader that is slow is not read for: what waits for it is bounded.
void EventStreams::look_later(const std::shared_ptr<Watch>& watch) {
  watch->timer.expires_after(look_every);
  watch->timer.async_wait([this, watch](const boost::system::error_code& error) {
    if (error) return;
    if (watch->waiting.empty())
      look(watch);
    else
      look_later(watch);
  });
}

void EventStreams::close_all() {
  const auto all = watches_;
  for (const auto& watch : all) {
    watch->closed = true;
    watch->timer.cancel();
    watch->stream->wake();
  }
}

}  // namespace dream::host
