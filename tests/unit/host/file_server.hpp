// A small HTTP server on the loopback for tests of downloads: one file, whose validators and
// conduct a test chooses.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace dream::host {

class FileServer {
 public:
  struct Conduct {
    std::string content;
    std::string headers = "ETag: \"one\"\r\n";  // each line with its end
    bool ranges = true;
    int status = 200;                   // another one is answered without the content
    std::size_t cut_after = SIZE_MAX;   // bytes of each body, then the connection closes
    std::chrono::milliseconds pause{};  // before each body
  };

  FileServer() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("no port on the loopback");
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] { accept_all(); });
  }
  ~FileServer() { stop(); }

  void stop() {
    if (stopped_.exchange(true)) return;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    connections_.clear();
    ::close(listener_);
  }

  std::string url(const std::string& path = "/w.bin") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  void set(Conduct conduct) {
    const std::lock_guard lock(mutex_);
    conduct_ = std::move(conduct);
  }
  // Requests for more than the first byte.
  int bodies() const { return bodies_; }
  int requests() const { return requests_; }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      connections_.emplace_back([this, fd] {
        answer(fd);
        ::shutdown(fd, SHUT_RDWR);
        ::close(fd);
      });
    }
  }

  void answer(int fd) {
    std::string request;
    char buffer[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const auto part = ::recv(fd, buffer, sizeof buffer, 0);
      if (part <= 0) return;
      request.append(buffer, static_cast<std::size_t>(part));
    }
    Conduct conduct;
    {
      const std::lock_guard lock(mutex_);
      conduct = conduct_;
    }
    ++requests_;
    std::size_t first = 0, last = 0;
    const auto range = request.find("Range: bytes=");
    const bool ranged = conduct.ranges && range != std::string::npos &&
                        std::sscanf(request.c_str() + range, "Range: bytes=%zu-%zu", &first,
                                    &last) == 2;
    const bool probe = request.find("Range: bytes=0-0\r\n") != std::string::npos;
    bodies_ += probe ? 0 : 1;
    std::string head = "HTTP/1.1 " + std::to_string(ranged ? 206 : conduct.status) + " x\r\n";
    std::string body = conduct.content;
    if (conduct.status != 200) {
      head = "HTTP/1.1 " + std::to_string(conduct.status) + " x\r\n", body = "no";
    } else if (ranged) {
      last = std::min(last, body.size() - 1);
      head += "Content-Range: bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" +
              std::to_string(body.size()) + "\r\n";
      body = body.substr(first, last - first + 1);
    }
    head += conduct.headers + "Content-Length: " + std::to_string(body.size()) +
            "\r\nConnection: close\r\n\r\n";
    if (!probe) std::this_thread::sleep_for(conduct.pause);
    body.resize(std::min(body.size(), conduct.cut_after));
    send_all(fd, head);
    send_all(fd, body);
  }

  static void send_all(int fd, std::string_view text) {
    while (!text.empty()) {
      const auto part = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      if (part <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(part));
    }
  }

  int listener_ = -1;
  int port_ = 0;
  std::mutex mutex_;
  Conduct conduct_;
  std::atomic<bool> stopped_ = false;
  std::atomic<int> bodies_ = 0, requests_ = 0;
  std::vector<std::jthread> connections_;
  std::jthread acceptor_;
};

}  // namespace dream::host
