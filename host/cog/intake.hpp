// Takes validated requests in: fetches their files off the io_context thread, then lets the
// prediction service run them. A request has its place among the others from the moment it is
// accepted; while its files come, those behind it may go first.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "host/downloads/download_cache.hpp"
#include "host/predictions/service.hpp"

namespace dream::host {

class Intake {
 public:
  // `downloads`: of files that requests name by URL; its address rule holds for all of them.
  Intake(boost::asio::io_context& io, PredictionService& service, CacheOptions downloads);
  ~Intake();

  using Refusal = PredictionService::Refusal;

  // For those who count. `accepted` may add observers to a request that is being taken in.
  struct Watchers {
    std::function<void(PredictionRequest&)> accepted;
    std::function<void(Refusal)> refused;
  };
  void watch(Watchers watchers) { watchers_ = std::move(watchers); }

  // Accepts or refuses at once. The observers of an accepted request see exactly one terminal
  // event, also when a file cannot be fetched or the request is canceled meanwhile.
  Refusal submit(PredictionRequest request, const nlohmann::json& schema);
  // A request was refused before it could be submitted.
  void note_refusal(Refusal refusal) {
    if (watchers_.refused) watchers_.refused(refusal);
  }

  // The accepted request with this id that is not yet at its end, or null.
  std::shared_ptr<Prediction> prediction(const std::string& id) const { return service_.find(id); }
  const Snapshot* find(const std::string& id) const;
  // The server shuts down: nothing is accepted any more.
  bool is_draining() const { return service_.is_closed(); }
  // False if there is none with this id.
  bool cancel(const std::string& id) { return service_.cancel(id); }

  std::size_t fetching() const { return service_.load().preparing; }
  std::size_t waiting() const { return service_.load().waiting; }
  std::size_t running() const { return service_.load().running; }
  // Of accepted requests that are not yet at their end.
  std::size_t in_work() const { return fetching() + waiting() + running(); }

 private:
  using CancelFlag = std::shared_ptr<std::atomic<bool>>;
  struct Fetched;

  Refusal take(PredictionRequest request, const nlohmann::json& schema);
  void fetch(std::shared_ptr<Prediction> prediction, CancelFlag canceled, nlohmann::json input,
             const nlohmann::json& schema);
  void on_fetched(const std::shared_ptr<Prediction>& prediction, Fetched fetched);

  boost::asio::io_context& io_;
  PredictionService& service_;
  DownloadCache cache_;
  Watchers watchers_;
  std::set<CancelFlag> in_fetch_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  boost::asio::thread_pool threads_;
};

// What clients read when no worker can take predictions.
extern const char not_ready_text[];

}  // namespace dream::host
