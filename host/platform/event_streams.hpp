// What happens to a training or a prediction as server-sent events, as Replicate's clients read
// them: for whoever has the URL, which is signed.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <set>

#include "host/http/message.hpp"
#include "host/platform/stream_source.hpp"

namespace dream::host {

// Lives on the io_context thread; the database is asked on `pool`.
class EventStreams {
 public:
  EventStreams(boost::asio::io_context& io, boost::asio::thread_pool& pool, PlatformCore& core)
      : io_(io), pool_(pool), core_(core) {}
  ~EventStreams();

  // Answers "GET /streams/{capability}". Each event has an id, from which Last-Event-ID goes on.
  void open(std::shared_ptr<Exchange> exchange);
  void close_all();

 private:
  struct Watch;
  void look(const std::shared_ptr<Watch>& watch);
  void look_later(const std::shared_ptr<Watch>& watch);

  boost::asio::io_context& io_;
  boost::asio::thread_pool& pool_;
  PlatformCore& core_;
  std::set<std::shared_ptr<Watch>> watches_;
};

}  // namespace dream::host
