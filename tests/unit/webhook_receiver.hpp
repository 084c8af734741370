// A receiver of webhooks in the test's own process.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace dream::host {

// Takes one request per connection and answers with the next of the given statuses, then 200.
class WebhookReceiver {
 public:
  explicit WebhookReceiver(std::deque<int> statuses = {}) : statuses_(std::move(statuses)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    listen(listener_, 16);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~WebhookReceiver() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/hook"; }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  std::vector<std::string> bodies() {
    std::vector<std::string> bodies;
    for (const auto& request : requests()) {
      bodies.push_back(request.substr(request.find("\r\n\r\n") + 4));
    }
    return bodies;
  }
  // The values of a header, one for each request; empty where it is missing.
  std::vector<std::string> headers(const std::string& name) {
    std::vector<std::string> values;
    for (const auto& request : requests()) {
      const std::string begin = "\r\n" + name + ": ";
      const std::size_t at = request.find(begin);
      const std::size_t from = at == std::string::npos ? request.size() : at + begin.size();
      values.push_back(request.substr(from, request.find("\r\n", from) - from));
    }
    return values;
  }

 private:
  void run() {
    while (true) {
      const int client = accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      serve(client);
      close(client);
    }
  }

  void serve(int client) {
    std::string request;
    char buffer[4096];
    std::size_t expected = std::string::npos;
    while (request.size() < expected) {
      const ssize_t size = recv(client, buffer, sizeof buffer, 0);
      if (size <= 0) return;
      request.append(buffer, static_cast<std::size_t>(size));
      const std::size_t end = request.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      const std::size_t length = request.find("Content-Length: ");
      expected = end + 4 + std::stoul(request.substr(length + 16));
    }
    int status = 200;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      if (!statuses_.empty()) {
        status = statuses_.front();
        statuses_.pop_front();
      }
    }
    const std::string answer = "HTTP/1.1 " + std::to_string(status) +
                               " X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
  }

  int listener_;
  int port_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  std::deque<int> statuses_;
  std::vector<std::string> requests_;
};

}  // namespace dream::host
