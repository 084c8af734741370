#include "host/http/server.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>

#include "host/http/session.hpp"

namespace dream::host {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

std::vector<tcp::endpoint> resolve(asio::io_context& io, const std::string& host, int port) {
  if (port < 0 || port > 65535) {
    throw ListenError(fmt::format("port {} is not a port: give 1 to 65535", port), true);
  }
  error_code error;
  const auto found =
      tcp::resolver(io).resolve(host, std::to_string(port), tcp::resolver::passive, error);
  if (error || host.empty()) {
    throw ListenError(fmt::format("host '{}' is not an address of this machine ({}): give an IP "
                                  "address such as 127.0.0.1 or 0.0.0.0, or a host name",
                                  host, error ? error.message() : "it is empty"),
                      true);
  }
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry : found) {
    const auto endpoint = entry.endpoint();
    if (std::find(endpoints.begin(), endpoints.end(), endpoint) == endpoints.end()) {
      endpoints.push_back(endpoint);
    }
  }
  return endpoints;
}

[[noreturn]] void fail(const tcp::endpoint& endpoint, const error_code& error) {
  const std::string where = fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
  if (error == asio::error::address_in_use) {
    throw ListenError(fmt::format("cannot listen on {}: the port is taken by another program; stop "
                                  "it or choose another with --port",
                                  where),
                      false);
  }
  const bool usage = error == boost::system::errc::address_not_available;
  throw ListenError(fmt::format("cannot listen on {}: {}", where, error.message()), usage);
}

}  // namespace

struct HttpServer::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, const Router& routes, HttpLimits bounds, const Tls* tls)
      : io(context), limits(bounds), parts{routes, limits, counts, tls} {}

  asio::io_context& io;
  const HttpLimits limits;
  std::list<tcp::acceptor> acceptors;
  std::list<Session*> sessions;
  HttpCounts counts;
  const Session::Parts parts;
  bool draining = false;
  bool stopping = false;
  std::function<void()> on_stopped;

  int bind(tcp::endpoint endpoint) {
    error_code error;
    tcp::acceptor acceptor(io);
    acceptor.open(endpoint.protocol(), error);
    if (error) fail(endpoint, error);
    acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
    acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(4096, error);
    if (error) fail(endpoint, error);
    const int port = acceptor.local_endpoint().port();
    acceptors.push_back(std::move(acceptor));
    return port;
  }

  asio::awaitable<void> serve(tcp::socket socket) {
    const auto self = shared_from_this();
    Session session(std::move(socket), parts, draining);
    const auto place = sessions.insert(sessions.end(), &session);
    counts.connections = sessions.size();
    ++counts.accepted;
    co_await session.run();
    sessions.erase(place);
    counts.connections = sessions.size();
    finish_if_empty();
  }

  asio::awaitable<void> accept(tcp::acceptor& acceptor) {
    const auto self = shared_from_this();
    asio::steady_timer pause(io);
    while (!stopping) {
      error_code error;
      tcp::socket socket =
          co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (stopping) co_return;
      if (!error && sessions.size() < limits.connections) {
        asio::co_spawn(io, serve(std::move(socket)), asio::detached);
        continue;
      }
      if (error == asio::error::connection_aborted || !error) continue;
      spdlog::warn("accept: {}", error.message());  // out of descriptors: wait for some to be free
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
    }
  }

  void finish_if_empty() {
    if (stopping && sessions.empty() && on_stopped) asio::post(io, std::exchange(on_stopped, {}));
  }
};

HttpServer::HttpServer(asio::io_context& io, const Router& router, HttpLimits limits,
                       const Tls* tls)
    : state_(std::make_shared<State>(io, router, limits, tls)) {}

HttpServer::~HttpServer() = default;

int HttpServer::listen(const std::string& host, int port) {
  int bound = port;
  for (auto endpoint : resolve(state_->io, host, port)) {
    endpoint.port(static_cast<std::uint16_t>(bound));  // the same for all if the system chose one
    bound = state_->bind(endpoint);
  }
  for (auto& acceptor : state_->acceptors) {
    asio::co_spawn(state_->io, state_->accept(acceptor), asio::detached);
  }
  return bound;
}

std::string HttpServer::local_authority() const {
  std::string authority;
  bool is_loopback = false;
  for (const auto& acceptor : state_->acceptors) {
    const tcp::endpoint bound = acceptor.local_endpoint();
    asio::ip::address address = bound.address();
    if (address.is_unspecified() && address.is_v4())
      address = asio::ip::address_v4::loopback();
    else if (address.is_unspecified())
      address = asio::ip::address_v6::loopback();
    if (!authority.empty() && (is_loopback || !address.is_loopback())) continue;
    is_loopback = address.is_loopback();
    const std::string host = address.to_string();
    authority = fmt::format("{}:{}", address.is_v6() ? "[" + host + "]" : host, bound.port());
  }
  return authority;
}

void HttpServer::drain() {
  state_->draining = true;
  for (Session* session : state_->sessions) session->stop();
}

void HttpServer::abort() {
  for (Session* session : state_->sessions) session->abort();
}

const HttpCounts& HttpServer::counts() const {
  return state_->counts;
}

void HttpServer::stop(std::function<void()> done) {
  state_->on_stopped = std::move(done);
  if (!state_->stopping) {
    state_->stopping = true;
    for (auto& acceptor : state_->acceptors) acceptor.close();
    for (Session* session : state_->sessions) session->stop();
  }
  state_->finish_if_empty();
}

}  // namespace dream::host
