// The host's end of a channel to a worker: frames in, frames out, nothing blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "host/base/unique_fd.hpp"
#include "host/workers/frame.hpp"

namespace dream::host {

class Channel : public std::enable_shared_from_this<Channel> {
 public:
  struct Handlers {
    // May throw: then the worker broke the protocol, as with a malformed frame.
    std::function<void(const nlohmann::json& message)> message;
    // No message follows. `violation` is empty if the peer has just closed its end.
    std::function<void(const std::string& violation)> end;
  };

  Channel(boost::asio::io_context& io, UniqueFd fd, Handlers handlers);

  void start();
  void send(const nlohmann::json& message);  // in silence when the peer is gone
  // Handles what has arrived until now without waiting: for a peer that is dead.
  void drain();
  void close();  // no callback after it

 private:
  void read_more();
  void write_more();
  bool handle_messages();  // false: ended
  void end(const std::string& violation);

  boost::asio::local::stream_protocol::socket socket_;
  Handlers handlers_;
  FrameDecoder decoder_;
  std::deque<std::string> outbox_;
  bool ended_ = false;
  char chunk_[65536];
};

}  // namespace dream::host
