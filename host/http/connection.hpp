// The bytes of one connection, plain or under TLS: a stream as Asio and Beast take one, so that a
// session is written once. Reading and writing may go on at the same time, one of each.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <cstddef>
#include <memory>
#include <utility>

namespace dream::host {

class Connection {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using executor_type = Socket::executor_type;

 private:
  // What TLS reads from and writes to. One reading of a session may take several here; a cancel
  // that comes between two of them ends the next.
  struct Raw {
    using executor_type = Connection::executor_type;
    using lowest_layer_type = Socket::lowest_layer_type;
    Socket& socket;
    const bool& canceled;

    executor_type get_executor() { return socket.get_executor(); }
    lowest_layer_type& lowest_layer() { return socket.lowest_layer(); }
    template <typename Buffers, typename Handler>
    void async_read_some(const Buffers& buffers, Handler&& handler) {
      if (!canceled) return socket.async_read_some(buffers, std::forward<Handler>(handler));
      const boost::system::error_code error = boost::asio::error::operation_aborted;
      boost::asio::post(
          get_executor(),
          boost::beast::bind_front_handler(std::forward<Handler>(handler), error, std::size_t{0}));
    }
    template <typename Buffers, typename Handler>
    void async_write_some(const Buffers& buffers, Handler&& handler) {
      socket.async_write_some(buffers, std::forward<Handler>(handler));
    }
  };
  using Signature = void(boost::system::error_code, std::size_t);
  struct Reading {
    Connection& connection;
    template <typename Handler, typename Buffers>
    void operator()(Handler&& handler, const Buffers& buffers) const {
      connection.canceled_ = false;
      if (connection.tls_)
        connection.tls_->async_read_some(buffers, std::forward<Handler>(handler));
      else
        connection.socket_.async_read_some(buffers, std::forward<Handler>(handler));
    }
  };
  struct Writing {
    Connection& connection;
    template <typename Handler, typename Buffers>
    void operator()(Handler&& handler, const Buffers& buffers) const {
      if (connection.tls_)
        connection.tls_->async_write_some(buffers, std::forward<Handler>(handler));
      else
        connection.socket_.async_write_some(buffers, std::forward<Handler>(handler));
    }
  };

 public:
  explicit Connection(Socket socket);

  executor_type get_executor() { return socket_.get_executor(); }
  // Below TLS, if there is TLS.
  Socket& socket() { return socket_; }

  // Answers the client's handshake; all bytes are encrypted from then on. False if it fails.
  // `context` stays alive with the connection.
  boost::asio::awaitable<bool> secure(const std::shared_ptr<boost::asio::ssl::context>& context);
  bool is_secure() const { return tls_ != nullptr; }

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token)
      -> decltype(boost::asio::async_initiate<Token, Signature>(std::declval<Reading>(), token,
                                                                buffers)) {
    return boost::asio::async_initiate<Token, Signature>(Reading{*this}, token, buffers);
  }

  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token)
      -> decltype(boost::asio::async_initiate<Token, Signature>(std::declval<Writing>(), token,
                                                                buffers)) {
    return boost::asio::async_initiate<Token, Signature>(Writing{*this}, token, buffers);
  }

  // What goes out without waiting; would_block if nothing does, as always under TLS.
  template <typename Buffers>
  std::size_t write_now(const Buffers& buffers, boost::system::error_code& error) {
    if (tls_ == nullptr) return socket_.write_some(buffers, error);
    error = boost::asio::error::would_block;
    return 0;
  }

  // Ends what is being read or written; the connection stays open.
  void cancel();
  // Tells the client, under TLS in its own words too, that nothing follows.
  boost::asio::awaitable<void> finish();
  void close();

 private:
  Socket socket_;
  bool canceled_ = false;
  std::shared_ptr<boost::asio::ssl::context> context_;
  std::unique_ptr<boost::asio::ssl::stream<Raw>> tls_;  // null: plain
};

}  // namespace dream::host
