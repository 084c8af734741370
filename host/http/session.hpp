// One connection: reads requests one after another, answers each before the next, and notices a
// client that goes away while its answer is being made.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "host/http/connection.hpp"
#include "host/http/deadline.hpp"
#include "host/http/server.hpp"

namespace dream::host {

class Session {
 public:
  // What a session works with; each outlives it.
  struct Parts {
    const Router& router;
    const HttpLimits& limits;
    HttpCounts& counts;
    const Tls* tls;  // null: plain HTTP
  };
  // `is_last`: it ends after one request.
  Session(boost::asio::ip::tcp::socket socket, const Parts& parts, bool is_last);

  // Serves until the client or stop() ends it. Throws nothing.
  boost::asio::awaitable<void> run();

  // Ends the connection after the request in work; at once if there is none.
  void stop();
  // Ends it now, whatever is in work.
  void abort() { stream_.close(); }

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  boost::asio::awaitable<bool> secure();
  boost::asio::awaitable<void> serve_requests();
  boost::asio::awaitable<bool> wait_for_request();
  boost::asio::awaitable<bool> read_request(Parser& parser);
  boost::asio::awaitable<bool> read_body(Parser& parser);
  bool feed(Parser& parser, boost::beast::error_code& error);
  bool open_sink(Parser& parser);
  bool pass_on(std::string& piece);
  boost::asio::awaitable<bool> receive(std::size_t most);
  boost::asio::awaitable<bool> refuse(const boost::beast::error_code& error);
  boost::asio::awaitable<bool> refuse_late(const char* what, std::chrono::seconds limit);
  boost::asio::awaitable<void> watch_client();
  boost::asio::awaitable<std::shared_ptr<Exchange>> answer(Request request);
  boost::asio::awaitable<bool> write(const Response& response, bool head, unsigned version,
                                     bool keep_alive);
  boost::asio::awaitable<bool> send_stream(const Exchange& exchange, bool head_only,
                                           unsigned version, bool keep_alive);
  boost::asio::awaitable<bool> send_pieces(BodyStream& body, bool chunked);
  boost::asio::awaitable<bool> send_piece(std::string_view piece, bool chunked);
  // Pieces of at most 1 MiB, each within the limit for a client that takes nothing.
  boost::asio::awaitable<bool> send(boost::asio::const_buffer bytes);
  boost::asio::awaitable<void> linger();
  void count(const Response& response);

  Connection stream_;
  Deadline deadline_;  // of what waits for the client
  boost::beast::flat_buffer buffer_;
  const Router& router_;
  const HttpLimits& limits_;
  HttpCounts& counts_;
  const Tls* tls_;
  std::shared_ptr<BodySink> sink_;  // of the request whose body is being read
  bool idle_ = true;  // waits for a request, or for the handshake before the first
  bool stopping_;
};

}  // namespace dream::host
