// Metric families that are read off when somebody asks, beside those a prometheus::Registry counts:
// each with its samples, in the types of prometheus-cpp.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <utility>
#include <vector>

namespace dream::host {

class Families {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  // Begins a family. Names, units and `_total` as Prometheus' conventions have them.
  void gauge(std::string name, std::string help);
  void counter(std::string name, std::string help);
  // Of the family that was begun last. Bytes of a label that are no UTF-8 become U+FFFD.
  void sample(const Labels& labels, double value);

  // Leaves none behind. Families without a sample are left out.
  std::vector<prometheus::MetricFamily> take();

 private:
  void begin(std::string name, std::string help, prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace dream::host
