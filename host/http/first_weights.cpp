#include "host/http/first_weights.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "host/base/logging.hpp"
#include "host/downloads/fetch_weights.hpp"

namespace dream::host {

FirstWeights::~FirstWeights() {
  *alive_ = false;
  canceled_ = true;
  if (thread_.joinable()) thread_.join();
}

void FirstWeights::fetch(const std::string& url,
                         std::function<void(const std::string&, const std::string&)> done) {
  log_at("info", "fetching the weights: " + url);
  thread_ = std::thread([this, url, done = std::move(done), alive = alive_,
                         keep_running = boost::asio::make_work_guard(io_)] {
    std::string error;
    try {
      reply_ = fetch_weights(cache_, url, canceled_);
    } catch (const std::exception& problem) {
      error = problem.what();
    }
    boost::asio::post(io_, [this, done, error, alive] {
      if (!*alive) return;
      if (reply_) log_at("info", "weights: " + reply_->summary());
      done(reply_ ? reply_->file.path().string() : "", error);
    });
  });
}

}  // namespace dream::host
