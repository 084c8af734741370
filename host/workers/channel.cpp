#include "host/workers/channel.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <exception>

namespace dream::host {

namespace asio = boost::asio;
using boost::system::error_code;

Channel::Channel(asio::io_context& io, UniqueFd fd, Handlers handlers)
    : socket_(io, asio::local::stream_protocol(), fd.release()), handlers_(std::move(handlers)) {
  socket_.non_blocking(true);
}

void Channel::start() {
  read_more();
}

void Channel::read_more() {
  socket_.async_read_some(asio::buffer(chunk_),
                          [self = shared_from_this()](const error_code& error, std::size_t size) {
                            if (self->ended_) return;
                            self->decoder_.append(self->chunk_, size);
                            if (!self->handle_messages()) return;
                            if (error)
                              self->end({});
                            else
                              self->read_more();
                          });
}

void Channel::drain() {
  char chunk[65536];  // chunk_ belongs to the read in flight
  while (!ended_) {
    error_code error;
    const std::size_t size = socket_.read_some(asio::buffer(chunk), error);
    if (error) return;
    decoder_.append(chunk, size);
    if (!handle_messages()) return;
  }
}

bool Channel::handle_messages() {
  try {
    while (!ended_) {
      const auto message = decoder_.next();
      if (!message) break;
      const auto handler = handlers_.message;  // it may close us
      handler(*message);
    }
  } catch (const std::exception& error) {
    end(error.what());
  }
  return !ended_;
}

void Channel::end(const std::string& violation) {
  if (std::exchange(ended_, true)) return;
  const auto handler = std::exchange(handlers_.end, nullptr);
  if (handler) handler(violation);
}

void Channel::send(const nlohmann::json& message) {
  if (!socket_.is_open()) return;
  outbox_.push_back(encode_frame(message));
  if (outbox_.size() == 1) write_more();
}

void Channel::write_more() {
  asio::async_write(socket_, asio::buffer(outbox_.front()),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      if (error) return self->outbox_.clear();  // reading sees the end too
                      self->outbox_.pop_front();
                      if (!self->outbox_.empty()) self->write_more();
                    });
}

void Channel::close() {
  ended_ = true;
  handlers_ = {};
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace dream::host
