// GET /metrics: what the server holds and may hold, for Prometheus.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/http/router.hpp"
#include "host/workers/worker_pool.hpp"

namespace dream::host {

// Prometheus' text format, version 0.0.4: families one after another, each with its samples.
class MetricsText {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  // `type`: "gauge" or "counter".
  void family(std::string_view name, std::string_view type, std::string_view help);
  // Of the family that was begun last.
  void sample(const Labels& labels, double value);

  const std::string& text() const { return text_; }

 private:
  std::string name_;
  std::string text_;
};

// What GET /metrics says of memory, from the workers' answers to "residents".
void write_residents(MetricsText& metrics, std::int64_t budget_bytes,
                     const std::vector<nlohmann::json>& answers);

class Metrics {
 public:
  using Source = std::function<void(MetricsText&)>;

  // Both must outlive it.
  Metrics(boost::asio::io_context& io, WorkerPool& workers, std::int64_t budget_bytes)
      : io_(io), workers_(workers), budget_bytes_(budget_bytes) {}

  // Asked at each GET, on the io_context thread, for families of its own.
  void add(Source source) { sources_.push_back(std::move(source)); }
  void add_to(Router& router);

 private:
  void answer(const std::shared_ptr<Exchange>& exchange);

  boost::asio::io_context& io_;
  WorkerPool& workers_;
  std::int64_t budget_bytes_;
  std::vector<Source> sources_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // expires with us: guards late handlers
};

}  // namespace dream::host
