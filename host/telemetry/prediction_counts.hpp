// Counts predictions and measures their stages, as an observer like all others: what it knows is
// the snapshot of each at its end.
//
// Labels are bounded: names of served templates, entries, statuses and stages. Of the metrics that
// templates record only those listed here are taken, for a template may name its own as it likes.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "host/predictions/prediction.hpp"
#include "host/predictions/service.hpp"

namespace dream::host {

class PredictionCounts {
 public:
  // `registry` outlives it. The counters of `templates` are there from the start, at zero.
  PredictionCounts(prometheus::Registry& registry, const std::vector<std::string>& templates);

  // For a prediction that is being accepted while `waiting` others wait for a slot.
  Prediction::Observer accepted(std::size_t waiting);
  void refused(PredictionService::Refusal refusal);

 private:
  // All series of one template and entry.
  struct Series {
    std::map<Status, prometheus::Counter*> ends;
    std::map<std::string, prometheus::Histogram*> stages;  // made at the first use, as the rest
    std::map<std::string, prometheus::Histogram*> model_stages;
    prometheus::Histogram* rate = nullptr;
    prometheus::Counter* pictures = nullptr;
    prometheus::Counter* steps = nullptr;
  };

  Series& series_of(const std::string& template_name, const std::string& entry);
  void ended(const Snapshot& snapshot);
  void stage(Series& series, const Snapshot& snapshot, const char* name, double seconds);
  void take_metrics(Series& series, const Snapshot& snapshot);

  prometheus::Family<prometheus::Counter>& ends_;
  prometheus::Family<prometheus::Counter>& refusals_;
  prometheus::Family<prometheus::Counter>& pictures_;
  prometheus::Family<prometheus::Counter>& steps_;
  prometheus::Family<prometheus::Histogram>& stages_;
  prometheus::Family<prometheus::Histogram>& model_stages_;
  prometheus::Family<prometheus::Histogram>& rates_;
  prometheus::Histogram& places_;
  std::map<std::pair<std::string, std::string>, Series> series_;
};

}  // namespace dream::host
