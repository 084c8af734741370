#include "host/telemetry/families.hpp"

#include <algorithm>

#include "host/base/text.hpp"

namespace dream::host {

void Families::begin(std::string name, std::string help, prometheus::MetricType type) {
  families_.push_back({std::move(name), std::move(help), type, {}});
}

void Families::gauge(std::string name, std::string help) {
  begin(std::move(name), std::move(help), prometheus::MetricType::Gauge);
}

void Families::counter(std::string name, std::string help) {
  begin(std::move(name), std::move(help), prometheus::MetricType::Counter);
}

void Families::sample(const Labels& labels, double value) {
  prometheus::ClientMetric metric;
  for (const auto& [name, text] : labels) metric.label.push_back({name, valid_utf8(text)});
  metric.gauge.value = metric.counter.value = value;
  families_.back().metric.push_back(std::move(metric));
}

std::vector<prometheus::MetricFamily> Families::take() {
  auto families = std::exchange(families_, {});
  std::erase_if(families, [](const auto& family) { return family.metric.empty(); });
  return families;
}

}  // namespace dream::host
