#include "host/web/proxy.hpp"

#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "host/web/same_origin.hpp"

namespace dream::host {
namespace {

namespace asio = boost::asio;

constexpr std::size_t most_flights = 64;    // a thread each
constexpr std::string_view prefix = "/api";
constexpr std::string_view passed_on[] = {"content-type", "accept", "prefer", "traceparent",
                                          "tracestate"};

Response problem(int status, const std::string& text) {
  return {status, "application/json", nlohmann::json{{"error", text}}.dump(
                                          -1, ' ', false,
                                          nlohmann::json::error_handler_t::replace)};
}

ProxyRequest onward(Request& request, const std::string& target) {
  ProxyRequest onward;
  onward.method = request.method;
  onward.url = target + request.path.substr(prefix.size());
  if (!request.query.empty()) onward.url += "?" + request.query;
  bool typed = false;
  for (const std::string_view name : passed_on) {
    const std::string* value = request.header(name);
    if (value == nullptr) continue;
    typed = typed || name == "content-type";
    onward.headers.push_back(std::string(name) + ": " + *value);
  }
  if (!typed) onward.headers.emplace_back("content-type:");  // libcurl would make one up
  onward.body = std::move(request.body);
  return onward;
}

// What the io_context's thread knows of one forwarded exchange.
struct Conversation {
  std::shared_ptr<Exchange> exchange;
  std::shared_ptr<ProxyTransfer> transfer;
  std::shared_ptr<BodyStream> stream;

  void begin(const ProxyHead& head) {
    if (exchange->answered()) return;
    Response response{.status = head.status, .content_type = head.content_type};
    response.headers = {{"cache-control", "no-store"}, {"x-content-type-options", "nosniff"}};
    stream = exchange->begin_stream(std::move(response), [&transfer = *transfer] {
      return transfer.next();
    });
    stream->on_closed([transfer = transfer] { transfer->abort(); });
  }
};

}  // namespace

Proxy::~Proxy() {
  for (Flight& flight : flights_) flight.transfer->abort();
  for (Flight& flight : flights_) flight.thread.join();
}

void Proxy::add_to(Router& router) {
  std::string pattern(prefix);
  for (int depth = 0; depth <= 6; ++depth) {
    if (depth > 0) pattern += (depth == 1 ? "{" : "/{") + std::to_string(depth) + "}";
    if (depth == 0) pattern += "/";  // the index
    for (const char* method : {"GET", "POST", "PUT"})
      router.add(method, pattern, [this](const Shared& exchange) { forward(exchange); });
  }
}

void Proxy::forward(const Shared& exchange) {
  const std::string foreign = foreign_reason(exchange->request(), local_only_);
  if (!foreign.empty()) return exchange->respond(problem(403, "refused: " + foreign));
  if (flights_.size() >= most_flights)
    return exchange->respond(problem(503, "too many requests are under way"));

  const auto talk = std::make_shared<Conversation>();
  talk->exchange = exchange;
  const auto flight = flights_.emplace(flights_.end());
  ProxyTransfer::Listener listener;
  listener.on_head = [this, talk](const ProxyHead& head) {
    asio::post(io_, [talk, head] { talk->begin(head); });
  };
  listener.on_piece = [this, talk] {
    asio::post(io_, [talk] {
      if (talk->stream != nullptr) talk->stream->wake();
    });
  };
  listener.on_end = [this, talk, flight](const std::string& error) {
    asio::post(io_, [this, talk, flight, error] {
      if (!error.empty() && talk->stream == nullptr) {
        talk->exchange->respond(problem(502, target_ + " cannot be reached: " + error));
      } else if (talk->stream != nullptr) {
        talk->stream->wake();
      }
      land(flight);
      talk->transfer = nullptr;
    });
  };
  flight->transfer = talk->transfer = std::make_shared<ProxyTransfer>(
      onward(exchange->request(), target_), std::move(listener));
  exchange->on_disconnect([transfer = flight->transfer] { transfer->abort(); });
  flight->thread = std::thread([transfer = flight->transfer] { transfer->run(); });
}

// Its last word has been heard, so its thread ends now.
void Proxy::land(std::list<Flight>::iterator flight) {
  flight->thread.join();
  flights_.erase(flight);
}

}  // namespace dream::host
