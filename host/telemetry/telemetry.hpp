// GET /metrics: what the server did, does and holds, in Prometheus' text format 0.0.4.
//
// Lives on the io_context thread, as everything in the host.
#pragma once

#include <prometheus/registry.h>

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/http/router.hpp"
#include "host/http/server.hpp"
#include "host/predictions/service.hpp"
#include "host/telemetry/prediction_counts.hpp"
#include "host/webhooks/webhook_sender.hpp"
#include "host/workers/worker_pool.hpp"

namespace dream::host {

class Telemetry {
 public:
  // Whom it asks; each outlives it.
  struct Parts {
    boost::asio::io_context& io;
    WorkerPool& workers;
    const PredictionService& service;
    const HttpServer& server;
    const WebhookSender& webhooks;
    const Tls* tls;  // null: plain HTTP
  };
  struct Facts {
    std::string version;
    std::string revision;
    std::vector<std::string> templates;  // names of those that are served
    std::int64_t memory_budget_bytes = 0;
  };
  Telemetry(const Parts& parts, Facts facts);

  void add_to(Router& router);
  // A prediction that is about to be accepted is watched from now on.
  void accepted(PredictionRequest& request);
  void refused(PredictionService::Refusal refusal) { predictions_.refused(refusal); }

 private:
  void answer(const std::shared_ptr<Exchange>& exchange);
  std::string text(const std::vector<nlohmann::json>& residents) const;

  Parts parts_;
  Facts facts_;
  prometheus::Registry registry_;
  PredictionCounts predictions_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // expires with us: guards late handlers
};

}  // namespace dream::host
