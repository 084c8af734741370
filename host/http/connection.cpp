#include "host/http/connection.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace dream::host {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

auto into(error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

}  // namespace

Connection::Connection(Socket socket) : socket_(std::move(socket)) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
}

asio::awaitable<bool> Connection::secure(const std::shared_ptr<asio::ssl::context>& context) {
  context_ = context;
  tls_ = std::make_unique<asio::ssl::stream<Raw>>(Raw{socket_, canceled_}, *context_);
  error_code error;
  co_await tls_->async_handshake(asio::ssl::stream_base::server, into(error));
  if (error) {
    spdlog::debug("TLS handshake: {}", error.message());
    tls_.reset();
  }
  co_return !error;
}

void Connection::cancel() {
  canceled_ = true;
  error_code ignored;
  socket_.cancel(ignored);
}

asio::awaitable<void> Connection::finish() {
  error_code error;
  canceled_ = true;  // the client's own farewell is not waited for
  if (tls_) co_await tls_->async_shutdown(into(error));
  socket_.shutdown(Socket::shutdown_send, error);
}

void Connection::close() {
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace dream::host
