#include "host/workers/line_reader.hpp"

#include <boost/asio/buffer.hpp>

#include "host/base/text.hpp"

namespace dream::host {
namespace {

constexpr std::size_t max_line_bytes = 64U << 10;
constexpr std::size_t max_bytes_per_second = 16U << 20;
constexpr std::size_t max_drain_bytes = 1U << 20;  // a pipe holds less: endless output ends here

}  // namespace

LineReader::LineReader(boost::asio::io_context& io, UniqueFd fd,
                       std::function<void(std::string_view)> on_line)
    : descriptor_(io, fd.release()), on_line_(std::move(on_line)), pause_(io) {
  descriptor_.non_blocking(true);
}

void LineReader::start() {
  read_more();
}

void LineReader::read_more() {
  descriptor_.async_read_some(
      boost::asio::buffer(chunk_),
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
        if (!self->descriptor_.is_open()) return;
        self->take({self->chunk_, size});
        if (error)
          self->flush();
        else if (self->descriptor_.is_open())
          self->pace(size);
      });
}

void LineReader::pace(std::size_t bytes) {
  constexpr std::chrono::seconds second(1);
  const auto now = std::chrono::steady_clock::now();
  if (now - second_ >= second) {
    second_ = now;
    bytes_this_second_ = 0;
  }
  bytes_this_second_ += bytes;
  if (bytes_this_second_ < max_bytes_per_second) return read_more();
  pause_.expires_at(second_ + second);
  pause_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && self->descriptor_.is_open()) self->read_more();
  });
}

void LineReader::drain() {
  std::size_t total = 0;
  char chunk[16384];  // chunk_ belongs to the read in flight
  while (descriptor_.is_open() && total < max_drain_bytes) {
    boost::system::error_code error;
    const std::size_t size = descriptor_.read_some(boost::asio::buffer(chunk), error);
    if (error) break;
    total += size;
    take({chunk, size});
  }
  flush();
}

void LineReader::close() {
  boost::system::error_code ignored;
  descriptor_.close(ignored);
  pause_.cancel();
  on_line_ = nullptr;
}

void LineReader::take(std::string_view bytes) {
  for (const char c : bytes) {
    if (c == '\n' || c == '\r' || line_.size() == max_line_bytes) flush();
    if (c != '\n' && c != '\r') line_ += c;
  }
}

void LineReader::flush() {
  if (line_.empty() || !on_line_) return;
  const std::string line = valid_utf8(line_) + '\n';
  line_.clear();
  const auto on_line = on_line_;  // the callback may close us
  on_line(line);
}

}  // namespace dream::host
