// A response body that is made while it is sent. The connection asks for the next piece whenever
// the client has taken all before it: a slow reader holds one piece, never a growing queue.
//
// Lives on the io_context thread, as everything in the host.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace dream::host {

struct BodyPiece {
  std::shared_ptr<const std::string> bytes;  // null or empty: nothing at the moment
  bool last = false;                         // nothing follows; the body ends here
};

class BodyStream {
 public:
  using Source = std::function<BodyPiece()>;

  // `source` says what comes next; after a piece without bytes it is asked again at wake().
  explicit BodyStream(Source source) : source_(std::move(source)) {}

  // Sent again and again while there is nothing else for `interval`.
  void keep_alive(std::string text, std::chrono::milliseconds interval) {
    keep_alive_text_ = std::move(text);
    keep_alive_interval_ = interval;
  }

  // The source has something.
  void wake() {
    if (on_wake_) on_wake_();
  }

  // Runs once: after the last piece, or when the client has gone (at once if it has).
  void on_closed(std::function<void()> callback) {
    if (closed_) return callback();
    on_closed_ = std::move(callback);
  }

  // For the connection.
  BodyPiece next() { return closed_ ? BodyPiece{nullptr, true} : source_(); }
  void on_wake(std::function<void()> callback) { on_wake_ = std::move(callback); }
  const std::string& keep_alive_text() const { return keep_alive_text_; }
  std::chrono::milliseconds keep_alive_interval() const { return keep_alive_interval_; }
  void close() {
    if (std::exchange(closed_, true)) return;
    source_ = nullptr;
    on_wake_ = nullptr;
    if (auto callback = std::exchange(on_closed_, nullptr)) callback();
  }

 private:
  Source source_;
  std::string keep_alive_text_;
  std::chrono::milliseconds keep_alive_interval_{0};
  std::function<void()> on_wake_;
  std::function<void()> on_closed_;
  bool closed_ = false;
};

}  // namespace dream::host
