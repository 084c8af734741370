// Takes validated requests in: fetches their files off the io_context thread, then hands them to
// the prediction service. A request counts against the slots from the moment it is accepted, so an
// accepted one always finds its slot.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_set>
#include <vector>

#include "host/downloads/download_cache.hpp"
#include "host/predictions/service.hpp"
#include "host/workers/worker_pool.hpp"

namespace dream::host {

class Intake {
 public:
  // `downloads`: of files that requests name by URL; its address rule holds for all of them.
  Intake(boost::asio::io_context& io, PredictionService& service, WorkerPool& workers,
         std::size_t slots, CacheOptions downloads);
  ~Intake();

  using Refusal = PredictionService::Refusal;
  // Accepts or refuses at once. The observers of an accepted request see exactly one terminal
  // event, also when a file cannot be fetched or the request is canceled meanwhile.
  Refusal submit(PredictionRequest request, const nlohmann::json& schema);

  // Of the accepted request that is not yet at its end, or null.
  const Snapshot* find(const std::string& id) const;
  // False if there is none with this id.
  bool cancel(const std::string& id);
  void cancel_all();

 private:
  struct Pending;
  struct Fetched;

  Refusal room() const;
  void fetch(std::shared_ptr<Pending> pending, const nlohmann::json& schema);
  void start(const std::shared_ptr<Pending>& pending, Fetched fetched);
  void remove(const std::shared_ptr<Pending>& pending);
  // The observer that keeps running_ up to date.
  Prediction::Observer count(const std::string& id);

  boost::asio::io_context& io_;
  PredictionService& service_;
  WorkerPool& workers_;
  std::size_t slots_;
  DownloadCache cache_;
  std::vector<std::shared_ptr<Pending>> pending_;
  std::unordered_multiset<std::string> running_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  boost::asio::thread_pool threads_;
};

// What clients read when no worker can take predictions.
extern const char not_ready_text[];

}  // namespace dream::host
