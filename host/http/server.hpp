// The listening side: accepts connections and lets each one run its requests through a router.
// HTTP/1.1 with keep-alive and pipelining; bounded headers and bodies; deadlines against clients
// that dawdle.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "host/http/router.hpp"

namespace dream::host {

struct HttpLimits {
  std::size_t header_bytes = 64U << 10;
  std::uint64_t body_bytes = 100U << 20;
  std::size_t connections = 16384;
  std::chrono::seconds handshake{10};  // of TLS
  std::chrono::seconds idle{75};      // between requests
  std::chrono::seconds header{15};    // from the first byte to the end of the headers
  std::chrono::seconds progress{30};  // without a byte of the body, or of the answer taken
  std::chrono::seconds body{600};     // for the whole body
  std::chrono::seconds upload{21600}; // the same of one that goes to a sink
};

// What a server has seen, for those who watch it.
struct HttpCounts {
  std::size_t connections = 0;  // open
  std::size_t streams = 0;      // answers on their way whose body is made while it is sent
  std::uint64_t accepted = 0;   // connections, since the start
  std::array<std::uint64_t, 5> answers{};  // by the class of their status, 1xx first
};

class Tls;

// The address cannot be used. `usage`: the given host or port itself is wrong; otherwise it is
// taken or not permitted.
struct ListenError : std::runtime_error {
  ListenError(const std::string& message, bool is_usage)
      : std::runtime_error(message), usage(is_usage) {}
  bool usage;
};

class HttpServer {
 public:
  // `tls`: null for plain HTTP, else it outlives the server.
  HttpServer(boost::asio::io_context& io, const Router& router, HttpLimits limits = {},
             const Tls* tls = nullptr);
  ~HttpServer();

  // Binds every address of `host` and begins to accept. Result: the port (chosen by the system if 0
  // was given). Throws ListenError.
  int listen(const std::string& host, int port);
  // "127.0.0.1:8000", "[::1]:8000": how processes of this machine reach what listen() bound, by the
  // loopback if that is part of it.
  std::string local_authority() const;

  // From now on each connection ends after the request in work, at once if it is idle; new ones are
  // accepted for one request each.
  void drain();
  // Accepts no more, lets requests in work finish, closes idle connections. `done` runs when the
  // last connection has gone.
  void stop(std::function<void()> done);
  // Closes all connections, whatever is in work.
  void abort();

  const HttpCounts& counts() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace dream::host
