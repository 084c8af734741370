#include "host/workers/frame.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <utility>

#include "host/workers/protocol.hpp"

namespace dream::host {
namespace {

constexpr std::size_t header_bytes = 4;

std::uint32_t read_length(const char* header) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < header_bytes; ++i)
    length = length << 8 | static_cast<unsigned char>(header[i]);
  return length;
}

}  // namespace

std::string encode_frame(const nlohmann::json& message) {
  const std::string body = message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (body.size() > protocol::max_frame_bytes)
    throw std::length_error("message of " + std::to_string(body.size()) +
                            " bytes is over the frame limit of " +
                            std::to_string(protocol::max_frame_bytes));
  const auto length = static_cast<std::uint32_t>(body.size());
  std::string frame;
  frame.reserve(header_bytes + body.size());
  for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(length >> shift));
  return frame += body;
}

std::optional<nlohmann::json> FrameDecoder::next() {
  if (buffer_.size() - consumed_ < header_bytes) return std::nullopt;
  const std::size_t length = read_length(buffer_.data() + consumed_);
  if (length > protocol::max_frame_bytes)
    throw std::runtime_error("frame of " + std::to_string(length) + " bytes is over the limit");
  if (buffer_.size() - consumed_ - header_bytes < length) return std::nullopt;
  const char* body = buffer_.data() + consumed_ + header_bytes;
  auto message = nlohmann::json::parse(body, body + length);
  consumed_ += header_bytes + length;
  if (consumed_ == buffer_.size() || consumed_ > (1U << 20)) {  // keep the buffer short
    buffer_.erase(0, consumed_);
    consumed_ = 0;
  }
  return message;
}

BlockingChannel::~BlockingChannel() {
  ::close(fd_);
}

void BlockingChannel::hold(const nlohmann::json& message) {
  const std::string frame = encode_frame(message);
  const std::lock_guard lock(send_mutex_);
  held_ += frame;
}

void BlockingChannel::send(const nlohmann::json& message) {
  std::string frame = encode_frame(message);
  const std::lock_guard lock(send_mutex_);
  if (!held_.empty()) frame.insert(0, std::exchange(held_, {}));
  std::size_t sent = 0;
  while (sent < frame.size()) {
    const ssize_t n = ::send(fd_, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    sent += static_cast<std::size_t>(n);
  }
}

std::optional<nlohmann::json> BlockingChannel::receive() {
  char chunk[65536];
  for (;;) {
    if (auto message = decoder_.next()) return message;
    const ssize_t n = ::recv(fd_, chunk, sizeof chunk, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    decoder_.append(chunk, static_cast<std::size_t>(n));
  }
}

}  // namespace dream::host
