#include "host/http/session.hpp"

#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>

#include "host/http/response_head.hpp"

namespace dream::host {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using beast::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::size_t read_ahead_bytes = 64U << 10;  // of pipelined requests, while one is in work
constexpr std::size_t most_at_once = 1U << 20;       // bytes sent within one limits_.progress

auto into(error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

Request to_request(http::request<http::string_body>&& message) {
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
  request.body = std::move(message.body());
  return request;
}

}  // namespace

Session::Session(asio::ip::tcp::socket socket, const Router& router, const HttpLimits& limits)
    : stream_(std::move(socket)), router_(router), limits_(limits) {
  error_code ignored;
  stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
}

void Session::stop() {
  stopping_ = true;
  if (idle_) stream_.close();
}

asio::awaitable<void> Session::run() {
  try {
    while (!stopping_) {
      if (!co_await wait_for_request()) break;
      Parser parser;
      if (!co_await read_request(parser)) break;
      const unsigned version = parser.get().version();
      const bool head = parser.get().method() == http::verb::head;
      const bool client_keeps = parser.get().keep_alive();
      const auto exchange = co_await answer(to_request(parser.release()));
      if (!exchange->answered()) break;
      const bool keep = client_keeps && !stopping_;
      const bool sent = exchange->stream() != nullptr
                            ? co_await send_stream(*exchange, version, keep)
                            : co_await write(exchange->response(), head, version, keep);
      if (!sent) break;
      if (!keep) {
        co_await linger();
        break;
      }
    }
  } catch (const std::exception& error) {
    spdlog::error("connection: {}", error.what());
  }
  stream_.close();
}

// True once the first byte of a request is here.
asio::awaitable<bool> Session::wait_for_request() {
  if (buffer_.size() > 0) co_return true;
  idle_ = true;
  error_code error;
  stream_.expires_after(limits_.idle);
  const std::size_t size = co_await stream_.async_read_some(buffer_.prepare(4096), into(error));
  buffer_.commit(size);
  idle_ = false;
  co_return !error;
}

asio::awaitable<bool> Session::read_request(Parser& parser) {
  idle_ = false;
  parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
  parser.body_limit(limits_.body_bytes);
  error_code error;
  stream_.expires_after(limits_.header);
  co_await http::async_read_header(stream_, buffer_, parser, into(error));
  if (error) co_return co_await refuse(error);
  const auto expect = parser.get()[http::field::expect];
  if (!expect.empty() && !parser.is_done()) {
    if (!beast::iequals(expect, "100-continue")) {
      co_await write({.status = 417}, false, 11, false);
      co_return false;
    }
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(stream_, asio::buffer(go_on), into(error));
    if (error) co_return false;
  }
  co_return co_await read_body(parser);
}

asio::awaitable<bool> Session::read_body(Parser& parser) {
  const auto deadline = Clock::now() + limits_.body;
  while (!parser.is_done()) {
    error_code error;
    stream_.expires_at(std::min(Clock::now() + limits_.progress, deadline));
    co_await http::async_read_some(stream_, buffer_, parser, into(error));
    if (error) co_return co_await refuse(error);
  }
  co_return true;
}

// Answers a request that could not be read, where an answer makes sense. Always false.
asio::awaitable<bool> Session::refuse(const error_code& error) {
  Response response;
  if (error == http::error::body_limit) {
    response = {413, "text/plain; charset=utf-8",
                "Failed to buffer the request body: length limit exceeded"};
  } else if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    response.status = 431;
  } else if (error.category() == make_error_code(http::error::bad_method).category() &&
             error != http::error::end_of_stream && error != http::error::partial_message) {
    response.status = 400;
  } else {
    co_return false;  // the client has gone, or a deadline closed the connection
  }
  if (co_await write(response, false, 11, false)) co_await linger();
  co_return false;
}

// Returns when the client has closed its side, or has sent more pipelined bytes than are taken.
asio::awaitable<void> Session::watch_client() {
  while (buffer_.size() < read_ahead_bytes) {
    error_code error;
    const std::size_t size =
        co_await stream_.socket().async_read_some(buffer_.prepare(4096), into(error));
    buffer_.commit(size);
    if (error) co_return;
  }
  asio::steady_timer never(stream_.get_executor(), Clock::time_point::max());
  error_code canceled;
  co_await never.async_wait(into(canceled));
}

// Runs the route. The exchange comes back answered, or not if the client went away.
asio::awaitable<std::shared_ptr<Exchange>> Session::answer(Request request) {
  using namespace asio::experimental::awaitable_operators;
  auto exchange = std::make_shared<Exchange>(std::move(request));
  router_.handle(exchange);
  if (exchange->answered()) co_return exchange;

  asio::steady_timer answered(stream_.get_executor(), Clock::time_point::max());
  exchange->on_response([&answered] { answered.cancel(); });
  stream_.expires_never();
  error_code canceled;
  co_await (answered.async_wait(into(canceled)) || watch_client());
  exchange->on_response(nullptr);
  exchange->disconnect();
  co_return exchange;
}

asio::awaitable<bool> Session::write(const Response& response, bool head, unsigned version,
                                     bool keep_alive) {
  const std::string top = response_head(
      response, {.version = version, .keep_alive = keep_alive, .bytes = response.body.size()});
  asio::const_buffer rest = head ? asio::const_buffer() : asio::buffer(response.body);
  error_code error;
  stream_.expires_after(limits_.progress);
  const std::array<asio::const_buffer, 2> first{
      asio::buffer(top), asio::buffer(rest, std::min<std::size_t>(rest.size(), most_at_once))};
  co_await asio::async_write(stream_, first, into(error));
  rest += first[1].size();
  if (error) co_return false;
  co_return co_await send(rest);
}

asio::awaitable<bool> Session::send(asio::const_buffer rest) {
  error_code error;
  while (!error && rest.size() > 0) {
    stream_.expires_after(limits_.progress);
    rest += co_await asio::async_write(
        stream_, asio::buffer(rest, std::min<std::size_t>(rest.size(), most_at_once)), into(error));
  }
  co_return !error;
}

// Closes our side and takes what the client still sends for a moment: closing with unread bytes
// would reset the connection and the client might never see the answer.
asio::awaitable<void> Session::linger() {
  error_code error;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
  std::array<char, 16384> waste{};
  stream_.expires_after(std::chrono::seconds(2));
  while (!error) co_await stream_.async_read_some(asio::buffer(waste), into(error));
}

}  // namespace dream::host
