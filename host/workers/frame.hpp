// Length-prefixed JSON frames: 4 bytes big-endian length, then UTF-8 JSON.
#pragma once

#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace dream::host {

// Header and body in one string. Invalid UTF-8 becomes U+FFFD. Throws std::length_error above
// protocol::max_frame_bytes.
std::string encode_frame(const nlohmann::json& message);

// Takes bytes as they come and gives whole messages back.
class FrameDecoder {
 public:
  void append(const char* data, std::size_t size) { buffer_.append(data, size); }
  // The next whole message, or nullopt. Throws std::runtime_error on a length above the limit or a
  // body that is not JSON.
  std::optional<nlohmann::json> next();

 private:
  std::string buffer_;
  std::size_t consumed_ = 0;
};

// A blocking end of a channel, for the worker. send() may be called from any thread; receive() from
// one. Owns the descriptor.
class BlockingChannel {
 public:
  explicit BlockingChannel(int fd) : fd_(fd) {}
  ~BlockingChannel();
  BlockingChannel(const BlockingChannel&) = delete;
  BlockingChannel& operator=(const BlockingChannel&) = delete;

  void send(const nlohmann::json& message);  // in silence when the host is gone
  // Before the next send(), and together with it: one turn of the reader for both.
  void hold(const nlohmann::json& message);
  std::optional<nlohmann::json> receive();   // nullopt when the peer has closed

 private:
  int fd_;
  std::mutex send_mutex_;
  std::string held_;
  FrameDecoder decoder_;
};

}  // namespace dream::host
