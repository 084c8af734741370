// The weights a server starts with, where they are a URL: fetched off the io_context thread while
// the server answers that it is starting.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "host/downloads/download_cache.hpp"

namespace dream::host {

class FirstWeights {
 public:
  FirstWeights(boost::asio::io_context& io, CacheOptions options)
      : io_(io), cache_(std::move(options)) {}
  ~FirstWeights();  // gives up a fetch; `done` does not run after it

  // Once. `done` runs on the io_context thread with the path of the file, which stays while this
  // object lives, or, if that is empty, with the reason.
  void fetch(const std::string& url,
             std::function<void(const std::string& path, const std::string& error)> done);
  void cancel() { canceled_ = true; }

 private:
  boost::asio::io_context& io_;
  DownloadCache cache_;
  std::atomic<bool> canceled_ = false;
  std::optional<CacheReply> reply_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // of the io_context thread
  std::thread thread_;
};

}  // namespace dream::host
