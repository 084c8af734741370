#include "host/telemetry/telemetry.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "host/http/tls.hpp"
#include "host/telemetry/prediction_log.hpp"
#include "host/telemetry/residents.hpp"
#include "host/telemetry/sources.hpp"

namespace dream::host {
namespace {

// A worker that hangs must not hang those who want to know about it.
constexpr std::chrono::seconds limit{2};

}  // namespace

Telemetry::Telemetry(const Parts& parts, Facts facts)
    : parts_(parts), facts_(std::move(facts)), predictions_(registry_, facts_.templates) {}

void Telemetry::add_to(Router& router) {
  router.add("GET", "/metrics",
             [this](const std::shared_ptr<Exchange>& exchange) { answer(exchange); });
}

void Telemetry::accepted(PredictionRequest& request) {
  request.observers.push_back(predictions_.accepted(parts_.service.load().waiting));
  request.observers.push_back(prediction_log());
}

// The engines' memory is known to the workers alone. Without their answer the rest is told.
void Telemetry::answer(const std::shared_ptr<Exchange>& exchange) {
  const auto timer = std::make_shared<boost::asio::steady_timer>(parts_.io, limit);
  const auto reply = [this, exchange, timer, answered = std::make_shared<bool>(false),
                      guard = std::weak_ptr(alive_)](const std::vector<nlohmann::json>& residents) {
    if (guard.expired() || std::exchange(*answered, true)) return;
    timer->cancel();
    exchange->respond({200, "text/plain; version=0.0.4; charset=utf-8", text(residents)});
  };
  timer->async_wait([reply](const auto& error) {
    if (!error) reply({});
  });
  parts_.workers.request_all({{"type", "residents"}}, reply);
}

std::string Telemetry::text(const std::vector<nlohmann::json>& residents) const {
  Families families;
  add_load(families, parts_.service);
  add_workers(families, parts_.workers);
  add_connections(families, parts_.server.counts());
  if (parts_.tls != nullptr) add_certificate(families, parts_.tls->not_after());
  add_webhooks(families, parts_.webhooks.counts());
  add_residents(families, facts_.memory_budget_bytes, residents);
  add_build(families, facts_.version, facts_.revision);
  add_process(families);
  auto all = families.take();
  for (auto& family : registry_.Collect())
    if (!family.metric.empty()) all.push_back(std::move(family));
  std::sort(all.begin(), all.end(),
            [](const auto& one, const auto& other) { return one.name < other.name; });
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace dream::host
