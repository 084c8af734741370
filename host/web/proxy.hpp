// /api/… of `dream ui` → the same path of another Cog server, answers streamed through as they
// come. Cog servers send no CORS headers, so a browser could not reach them from our page alone.
#pragma once

#include <boost/asio/io_context.hpp>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "host/http/router.hpp"
#include "host/web/proxy_transfer.hpp"

namespace dream::host {

class Proxy {
 public:
  // `target`: the server's address without a slash at its end. `local_only`: this server can be
  // reached from this machine alone (same_origin.hpp).
  Proxy(boost::asio::io_context& io, std::string target, bool local_only)
      : io_(io), target_(std::move(target)), local_only_(local_only) {}
  ~Proxy();  // ends what is under way
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // The routes keep a reference to this object.
  void add_to(Router& router);

 private:
  struct Flight {
    std::shared_ptr<ProxyTransfer> transfer;
    std::thread thread;
  };
  using Shared = std::shared_ptr<Exchange>;

  void forward(const Shared& exchange);
  void land(std::list<Flight>::iterator flight);

  boost::asio::io_context& io_;
  std::string target_;
  bool local_only_;
  std::list<Flight> flights_;
};

}  // namespace dream::host
