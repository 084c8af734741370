// A server in this process and a client of it, over real connections.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "host/http/server.hpp"

namespace dream::host {

using std::chrono::milliseconds;

// A client that reads when it is told to.
class Connection {
 public:
  explicit Connection(int port, int receive_buffer = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0)
      setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void ask(const std::string& path, const char* version = "1.1") {
    send("GET " + path + " HTTP/" + version + "\r\nHost: x\r\n\r\n");
  }
  // False once the server has closed the connection.
  bool send(const std::string& bytes) {
    return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // Reads until `end` has come, or the connection ends.
  std::string read_until(const std::string& end) {
    char buffer[65536];
    std::size_t looked_at = 0;
    while (read_.find(end, looked_at) == std::string::npos) {
      looked_at = read_.size() - std::min(read_.size(), end.size());
      const ssize_t size = ::recv(socket_, buffer, sizeof buffer, 0);
      if (size <= 0) break;
      read_.append(buffer, static_cast<std::size_t>(size));
    }
    return read_;
  }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

 private:
  int socket_;
  std::string read_;
};

// Serves /stream.
struct ServerTest : ::testing::Test {
  void serve(const Handler& handler, HttpLimits limits = {}) {
    for (const char* method : {"GET", "POST"}) router.add(method, "/stream", handler);
    server = std::make_unique<HttpServer>(io, router, limits);
    port = server->listen("127.0.0.1", 0);
    thread = std::thread([this] { io.run(); });
  }
  void TearDown() override {
    boost::asio::post(io, [this] { server->stop([] {}); });
    thread.join();
  }
  static void wait_for(const std::atomic<bool>& condition) {
    for (int i = 0; i < 1000 && !condition; ++i) std::this_thread::sleep_for(milliseconds(10));
    EXPECT_TRUE(condition);
  }

  boost::asio::io_context io;
  Router router;
  std::unique_ptr<HttpServer> server;
  int port = 0;
  std::thread thread;
};

}  // namespace dream::host
