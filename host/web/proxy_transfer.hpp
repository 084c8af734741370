// One request on its way to another server. libcurl blocks, so each has a thread of its own; what
// comes back is handed over in pieces as it comes; the thread waits while too much lies untaken.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "host/http/body_stream.hpp"

namespace dream::host {

struct ProxyRequest {
  std::string method;
  std::string url;
  std::vector<std::string> headers;  // "name: value"
  std::string body;
};

struct ProxyHead {
  int status = 0;
  std::string content_type;
};

class ProxyTransfer {
 public:
  // Called on the transfer's thread: on_head at most once and before the others, on_piece whenever
  // next() has something, on_end last; `error` is empty if all has come.
  struct Listener {
    std::function<void(ProxyHead)> on_head;
    std::function<void()> on_piece;
    std::function<void(std::string error)> on_end;
  };

  ProxyTransfer(ProxyRequest request, Listener listener)
      : request_(std::move(request)), listener_(std::move(listener)) {}

  // Returns when it is over. Throws nothing: failures are told at on_end.
  void run() noexcept;
  // Ends it soon (within about a second). Any thread.
  void abort();
  // What has come since; `last` once all has been taken. Any thread.
  BodyPiece next();

 private:
  static std::size_t take_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* self);
  static int keep_going(void* self, std::int64_t, std::int64_t, std::int64_t, std::int64_t);
  std::string perform();
  void tell_head();

  ProxyRequest request_;
  Listener listener_;
  void* curl_ = nullptr;
  bool head_told_ = false;
  std::atomic<bool> aborted_{false};
  std::mutex mutex_;
  std::condition_variable taken_;
  std::string untaken_;   // guarded by mutex_
  bool is_over_ = false;  // guarded by mutex_
};

}  // namespace dream::host
