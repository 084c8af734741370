// Reads one captured output (fd 1 or 2) of a worker and hands it on line by line.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "host/base/unique_fd.hpp"

namespace dream::host {

class LineReader : public std::enable_shared_from_this<LineReader> {
 public:
  // `on_line` gets each line with its '\n', as valid UTF-8. A carriage return ends a line too, so
  // progress bars come out as lines; lines above 64 KiB come in pieces. Who writes more than 16 MiB
  // a second has to wait: the loop is there for others too.
  LineReader(boost::asio::io_context& io, UniqueFd fd,
             std::function<void(std::string_view line)> on_line);

  void start();
  // Takes what has been written until now without waiting, an unfinished last line included.
  void drain();
  void flush();  // hands on an unfinished line
  int descriptor() { return descriptor_.native_handle(); }  // -1 once it is closed
  void close();  // no callback after it

 private:
  void read_more();
  void pace(std::size_t bytes);
  void take(std::string_view bytes);

  boost::asio::posix::stream_descriptor descriptor_;
  std::function<void(std::string_view)> on_line_;
  std::string line_;
  boost::asio::steady_timer pause_;
  std::chrono::steady_clock::time_point second_{};
  std::size_t bytes_this_second_ = 0;
  char chunk_[16384];
};

}  // namespace dream::host
