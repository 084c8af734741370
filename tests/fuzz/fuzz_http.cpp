// Arbitrary bytes on a connection. Whatever comes, the answers are whole HTTP answers, one after
// another, and the connection comes to an end with its client.
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "host/http/session.hpp"

namespace {

using namespace dream::host;

void require(bool holds) {
  if (!holds) std::abort();
}

// The length of the answer's body, or 0.
std::size_t content_length(std::string_view head) {
  constexpr std::string_view name = "content-length: ";
  const std::size_t at = head.find(name);
  return at == std::string_view::npos ? 0
                                      : std::strtoul(head.data() + at + name.size(), nullptr, 10);
}

void check_answers(std::string_view text) {
  while (!text.empty()) {
    require(text.starts_with("HTTP/1."));
    const std::size_t end = text.find("\r\n\r\n");
    require(end != std::string_view::npos);
    const std::string_view head = text.substr(0, end + 2);
    text.remove_prefix(end + 4);
    if (head.starts_with("HTTP/1.1 100")) continue;
    const std::size_t length = content_length(head);
    if (text.starts_with("HTTP/") || text.empty()) continue;  // of a HEAD
    require(text.size() >= length);
    text.remove_prefix(length);
  }
}

std::string received(int socket) {
  std::string all;
  char chunk[16384];
  for (ssize_t size = 0; (size = ::recv(socket, chunk, sizeof chunk, MSG_DONTWAIT)) > 0;)
    all.append(chunk, static_cast<std::size_t>(size));
  return all;
}

Router make_router(boost::asio::io_context& io) {
  Router router;
  const auto size_of = [](const std::shared_ptr<Exchange>& exchange) {
    return Response{200, "text/plain", std::to_string(exchange->request().body.size())};
  };
  for (const char* method : {"GET", "POST"}) {
    router.add(method, "/now", [=](const auto& exchange) { exchange->respond(size_of(exchange)); });
    router.add(method, "/later", [=, &io](const auto& exchange) {
      boost::asio::post(io, [=] { exchange->respond(size_of(exchange)); });
    });
  }
  return router;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 60'000) return 0;  // fits into the socket
  int ends[2];
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  boost::asio::io_context io(1);
  const Router router = make_router(io);
  const HttpLimits limits{.header_bytes = 1000, .body_bytes = 5000};
  // A session reads and writes, whatever kind of stream it is given.
  HttpCounts counts;
  Session session({io, boost::asio::ip::tcp::v4(), ends[0]}, {router, limits, counts, nullptr},
                  false);
  bool over = false;
  boost::asio::co_spawn(io, session.run(), [&](const std::exception_ptr& error) {
    require(error == nullptr);
    over = true;
  });
  const std::size_t half = size == 0 ? 0 : data[0] % size;
  std::string answers;
  for (const auto& [from, to] : {std::pair(std::size_t{0}, half), std::pair(half, size)}) {
    if (::send(ends[1], data + from, to - from, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
    io.poll();
    answers += received(ends[1]);
  }
  ::shutdown(ends[1], SHUT_WR);
  io.poll();
  answers += received(ends[1]);
  ::close(ends[1]);
  io.restart();
  io.poll();
  require(over);
  check_answers(answers);
  return 0;
}
