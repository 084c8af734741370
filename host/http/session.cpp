#include "host/http/session.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <cctype>

#include "host/http/framing.hpp"
#include "host/http/response_head.hpp"
#include "host/http/tls.hpp"

namespace dream::host {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using beast::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds farewell{2};  // for the client to close its side too
constexpr char plain_text[] = "text/plain; charset=utf-8";
constexpr std::size_t read_size = 4096;
constexpr std::size_t body_read_size = 64U << 10;
constexpr std::size_t most_kept = 16U << 10;         // of the buffer, between requests
constexpr std::size_t read_ahead_bytes = 64U << 10;  // of pipelined requests, while one is in work
constexpr std::size_t most_joined = 16U << 10;       // of a body, with its head into one record
constexpr std::size_t most_at_once = 1U << 20;       // bytes sent within one limits_.progress

auto into(error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

Request head_of(const http::request<http::string_body>& message) {
  Request request;
  request.method = std::string(message.method_string());
  std::string_view target(message.target().data(), message.target().size());
  for (std::string_view scheme : {"http://", "https://"}) {  // absolute form
    if (!target.starts_with(scheme)) continue;
    const std::size_t slash = target.find('/', scheme.size());
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
    break;
  }
  const std::size_t question = target.find('?');
  request.path = std::string(target.substr(0, question));
  if (question != std::string_view::npos) request.query = std::string(target.substr(question + 1));
  for (const auto& field : message) {
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  return request;
}

Request to_request(http::request<http::string_body>&& message, std::shared_ptr<BodySink> sink) {
  Request request = head_of(message);
  request.sink = std::move(sink);
  request.body = std::move(message.body());
  return request;
}

}  // namespace

Session::Session(asio::ip::tcp::socket socket, const Parts& parts, bool is_last)
    : stream_(std::move(socket)),
      deadline_(stream_.get_executor(), [this] { stream_.cancel(); }),
      router_(parts.router),
      limits_(parts.limits),
      counts_(parts.counts),
      tls_(parts.tls),
      stopping_(is_last) {}

void Session::stop() {
  stopping_ = true;
  if (idle_) stream_.cancel();
}

asio::awaitable<void> Session::run() {
  try {
    bool is_ready = true;
    if (tls_ != nullptr) is_ready = co_await secure();
    if (is_ready) co_await serve_requests();
  } catch (const std::exception& error) {
    spdlog::error("connection: {}", error.what());
  }
  stream_.close();
}

// True once all that follows is encrypted. Who speaks plain HTTP here reads why it is not served.
asio::awaitable<bool> Session::secure() {
  constexpr unsigned char handshake = 0x16;  // the first byte that a client of TLS sends
  error_code error;
  unsigned char first = 0;
  deadline_.set(limits_.handshake);
  co_await stream_.socket().async_receive(asio::buffer(&first, 1), asio::socket_base::message_peek,
                                          into(error));
  if (error) co_return false;
  if (first == handshake) co_return co_await stream_.secure(tls_->context());
  if (std::isalpha(first) == 0) co_return false;
  const Response response{400, plain_text,
                          "This port speaks HTTPS: ask again with https:// in place of http://\n"};
  if (co_await write(response, false, 11, false)) co_await linger();
  co_return false;
}

asio::awaitable<void> Session::serve_requests() {
  do {
    if (!co_await wait_for_request()) break;
    Parser parser;
    if (!co_await read_request(parser)) co_return;
    const unsigned version = parser.get().version();
    const bool head = parser.get().method() == http::verb::head;
    const bool client_keeps = parser.get().keep_alive();
    const auto exchange = co_await answer(to_request(parser.release(), std::move(sink_)));
    if (!exchange->answered()) co_return;
    const bool keep = client_keeps && !stopping_;
    const bool sent = exchange->stream() != nullptr
                          ? co_await send_stream(*exchange, head, version, keep)
                          : co_await write(exchange->response(), head, version, keep);
    if (!sent) co_return;
    if (!keep) co_return co_await linger();
  } while (!stopping_);
  deadline_.set(farewell);
  co_await stream_.finish();
}

// More bytes in the buffer; false once the client has closed its side, or the deadline is over.
asio::awaitable<bool> Session::receive(std::size_t most) {
  if (deadline_.expired()) co_return false;
  error_code error;
  const std::size_t size = co_await stream_.async_read_some(buffer_.prepare(most), into(error));
  buffer_.commit(size);
  co_return !error;
}

// Gives the parser what has come; true if it cannot go on with that.
bool Session::feed(Parser& parser, error_code& error) {
  const std::size_t used = buffer_.size() == 0 ? 0 : parser.put(buffer_.data(), error);
  buffer_.consume(used);
  if (error != http::error::need_more) return used == 0;
  error = {};
  return true;
}

// True once the first byte of a request is here.
asio::awaitable<bool> Session::wait_for_request() {
  if (buffer_.size() > 0) co_return true;
  if (buffer_.capacity() > most_kept) buffer_.shrink_to_fit();
  idle_ = true;
  deadline_.set(limits_.idle);
  const bool came = co_await receive(read_size);
  idle_ = false;
  co_return came;
}

asio::awaitable<bool> Session::read_request(Parser& parser) {
  parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
  // The parser compares a Content-Length with its limit before we know where the body goes.
  parser.body_limit(router_.takes_uploads() ? UINT64_MAX : limits_.body_bytes);
  sink_ = nullptr;
  deadline_.set(limits_.header);
  while (!parser.is_header_done()) {
    error_code error;
    const auto come = buffer_.data();
    if (router_.takes_uploads() && prefer_chunks({static_cast<char*>(come.data()), come.size()}))
      stopping_ = true;
    const bool wants_more = feed(parser, error);
    if (error) co_return co_await refuse(error);
    if (!wants_more) continue;
    if (!co_await receive(read_size)) co_return co_await refuse_late("the head", limits_.header);
  }
  if (router_.takes_uploads() && !open_sink(parser))
    co_return co_await refuse(http::error::body_limit);
  const auto expect = parser.get()[http::field::expect];
  if (!expect.empty() && !parser.is_done()) {
    if (!beast::iequals(expect, "100-continue")) {
      const Response no{417};  // a temporary in the call would be destroyed twice (GCC 12)
      co_await write(no, false, 11, false);
      co_return false;
    }
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!co_await send(asio::buffer(go_on))) co_return false;
  }
  co_return co_await read_body(parser);
}

// False for a body that is larger than its place may take.
bool Session::open_sink(Parser& parser) {
  sink_ = router_.open_sink(head_of(parser.get()));
  const std::uint64_t limit = sink_ ? sink_->limit() : limits_.body_bytes;
  parser.body_limit(limit);
  const auto length = parser.content_length();
  const bool fits = !length || *length <= limit;
  if (!fits) sink_ = nullptr;
  return fits;
}

// False if it could not be taken.
bool Session::pass_on(std::string& piece) {
  const std::string taken = std::exchange(piece, {});  // its room too
  if (taken.empty()) return true;
  try {
    sink_->write(taken);
    return true;
  } catch (const std::exception& error) {
    spdlog::error("an upload cannot be stored: {}", error.what());
    sink_ = nullptr;
    return false;
  }
}

asio::awaitable<bool> Session::read_body(Parser& parser) {
  const auto limit = sink_ ? limits_.upload : limits_.body;
  const auto deadline = Clock::now() + limit;
  while (!parser.is_done()) {
    error_code error;
    const bool wants_more = feed(parser, error);
    if (error) co_return co_await refuse(error);
    if (sink_ && !pass_on(parser.get().body())) {
      const Response full{507};
      if (co_await write(full, false, 11, false)) co_await linger();
      co_return false;
    }
    if (!wants_more) continue;
    const auto pause = Clock::now() + limits_.progress;
    deadline_.set_at(std::min(pause, deadline));
    if (!co_await receive(body_read_size)) {
      co_return pause < deadline ? co_await refuse_late("a byte of the body", limits_.progress)
                                 : co_await refuse_late("the body", limit);
    }
  }
  co_return true;
}

// Answers a request that could not be read, where an answer makes sense. Always false.
asio::awaitable<bool> Session::refuse(const error_code& error) {
  Response response{400};
  if (error == http::error::body_limit) {
    response = {413, plain_text, "Failed to buffer the request body: length limit exceeded"};
  } else if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    response.status = 431;
  }
  if (co_await write(response, false, 11, false)) co_await linger();
  co_return false;
}

// The bytes that were due did not come: in time, or at all. Always false.
asio::awaitable<bool> Session::refuse_late(const char* what, std::chrono::seconds limit) {
  if (!deadline_.expired()) co_return false;  // the client has gone
  const Response late{
      408, plain_text,
      fmt::format("{} of the request did not arrive within {} s", what, limit.count())};
  if (co_await write(late, false, 11, false)) co_await linger();
  co_return false;
}

// Returns when the client has closed its side, or has sent more pipelined bytes than are taken.
asio::awaitable<void> Session::watch_client() {
  while (buffer_.size() < read_ahead_bytes) {
    if (!co_await receive(read_size)) co_return;
  }
  asio::steady_timer never(stream_.get_executor(), Clock::time_point::max());
  error_code canceled;
  co_await never.async_wait(into(canceled));
}

// Runs the route. The exchange comes back answered, or not if the client went away.
asio::awaitable<std::shared_ptr<Exchange>> Session::answer(Request request) {
  auto exchange = std::make_shared<Exchange>(std::move(request));
  router_.handle(exchange);
  if (exchange->answered()) co_return exchange;
  deadline_.clear();
  exchange->on_response([this] { stream_.cancel(); });  // ends the read
  bool connected = true;
  while (!exchange->answered() && connected && buffer_.size() < read_ahead_bytes)
    connected = co_await receive(read_size);
  if (!exchange->answered() && connected) {  // it sends more than is taken: nothing more is read
    asio::steady_timer answered(stream_.get_executor(), Clock::time_point::max());
    exchange->on_response([&answered] { answered.cancel(); });
    error_code canceled;
    co_await answered.async_wait(into(canceled));
  }
  exchange->on_response(nullptr);
  exchange->disconnect();
  co_return exchange;
}

void Session::count(const Response& response) {
  const auto hundreds = static_cast<std::size_t>(response.status / 100);
  if (hundreds >= 1 && hundreds <= counts_.answers.size()) ++counts_.answers[hundreds - 1];
}

// Head and body in one call of the system; most answers go at once, without a turn of the loop.
asio::awaitable<bool> Session::write(const Response& response, bool head, unsigned version,
                                     bool keep_alive) {
  count(response);
  std::string top = response_head(
      response, {.version = version, .keep_alive = keep_alive, .bytes = response.body.size()});
  asio::const_buffer body = head ? asio::const_buffer() : asio::buffer(response.body);
  if (stream_.is_secure() && body.size() <= most_joined) {  // one record in place of two
    if (!head) top += response.body;
    body = {};
  }
  error_code error;
  const std::size_t sent = stream_.write_now(
      std::array<asio::const_buffer, 2>{asio::buffer(top), body}, error);
  if (error && error != asio::error::would_block) co_return false;
  if (sent < top.size()) {
    if (!co_await send(asio::buffer(top) + sent)) co_return false;
  }
  co_return co_await send(body + (sent - std::min(sent, top.size())));
}

asio::awaitable<bool> Session::send(asio::const_buffer rest) {
  error_code error;
  while (!error && rest.size() > 0) {
    deadline_.set(limits_.progress);
    rest += co_await asio::async_write(
        stream_, asio::buffer(rest, std::min<std::size_t>(rest.size(), most_at_once)), into(error));
  }
  deadline_.clear();
  co_return !error;
}

// Closes our side and takes what the client still sends for a moment: closing with unread bytes
// would reset the connection and the client might never see the answer.
asio::awaitable<void> Session::linger() {
  deadline_.set(farewell);
  co_await stream_.finish();
  error_code error;
  std::array<char, 16384> waste{};
  while (!error)
    co_await stream_.socket().async_read_some(asio::buffer(waste), into(error));
}

}  // namespace dream::host
