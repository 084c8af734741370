// The half of Session that sends bodies piece by piece.
#include <fmt/format.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <variant>

#include "host/http/response_head.hpp"
#include "host/http/session.hpp"

namespace dream::host {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

auto into(boost::beast::error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

// However the sending ends, the source hears of it.
struct Closing {
  BodyStream& body;
  ~Closing() { body.close(); }
};

struct Counting {
  std::size_t& streams;
  explicit Counting(std::size_t& number) : streams(number) { ++streams; }
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;
  ~Counting() { --streams; }
};

// The callback points into a coroutine: it goes before that does.
struct Waking {
  BodyStream& body;
  ~Waking() { body.on_wake(nullptr); }
};

}  // namespace

// True if the whole body was sent and the connection can go on.
asio::awaitable<bool> Session::send_stream(const Exchange& exchange, bool head_only,
                                           unsigned version, bool keep_alive) {
  using namespace asio::experimental::awaitable_operators;
  const auto body = exchange.stream();
  const Closing closing{*body};
  const Counting counting(counts_.streams);
  count(exchange.response());
  const bool chunked = version >= 11;
  const bool keep = keep_alive && chunked;  // without chunks the end of the connection is the end
  const std::string head =
      response_head(exchange.response(), {.version = version, .keep_alive = keep});
  if (!co_await send(asio::buffer(head))) co_return false;
  if (head_only) co_return keep;
  const auto first = co_await (send_pieces(*body, chunked) || watch_client());
  const bool* const sent = std::get_if<bool>(&first);  // else the client has gone
  co_return sent != nullptr && *sent && keep;
}

// Until the last piece, or an error: the result tells which.
asio::awaitable<bool> Session::send_pieces(BodyStream& body, bool chunked) {
  asio::steady_timer woken(stream_.get_executor());
  const Waking waking{body};
  const bool has_text = body.keep_alive_interval().count() > 0;
  bool due = false;
  body.on_wake([&] {
    due = true;
    woken.cancel();
  });
  while (true) {
    due = false;
    const BodyPiece piece = body.next();
    // Awaiting is a statement by itself: this compiler awaits the right side of && and || always.
    if (piece.bytes != nullptr) {
      if (!co_await send_piece(*piece.bytes, chunked)) co_return false;
    }
    if (piece.last) {
      if (!chunked) co_return true;
      co_return co_await send(asio::buffer(std::string_view("0\r\n\r\n")));
    }
    if (piece.bytes != nullptr || due) continue;
    woken.expires_at(has_text ? Clock::now() + body.keep_alive_interval()
                              : Clock::time_point::max());
    boost::beast::error_code canceled;
    co_await woken.async_wait(into(canceled));
    if (canceled || due) continue;
    if (!co_await send_piece(body.keep_alive_text(), chunked)) co_return false;
  }
}

asio::awaitable<bool> Session::send_piece(std::string_view piece, bool chunked) {
  if (piece.empty()) co_return true;
  if (!chunked) co_return co_await send(asio::buffer(piece));
  const std::string size = fmt::format("{:x}\r\n", piece.size());
  // Small pieces, which most are, go out in one packet.
  if (piece.size() <= 4096) {
    std::string whole = size;
    whole.append(piece).append("\r\n");
    co_return co_await send(asio::buffer(whole));
  }
  if (!co_await send(asio::buffer(size))) co_return false;
  if (!co_await send(asio::buffer(piece))) co_return false;
  co_return co_await send(asio::buffer(std::string_view("\r\n")));
}

}  // namespace dream::host
