// A prediction as JSON on the wire: one body for the sync answer, webhooks and PUT on a running
// prediction. Cog's keys, plus input, the three times, and nulls for what is not there.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/predictions/prediction.hpp"

namespace dream::host {

// Renders the snapshots of one prediction. Keeps the data URLs of its files, so that each file is
// read and encoded once however many events show it.
class PredictionRenderer {
 public:
  nlohmann::json render(const Snapshot& snapshot);
  // The item of the output that came last; there must be one.
  nlohmann::json newest_output(const Snapshot& snapshot);

 private:
  nlohmann::json output(const Snapshot& snapshot);
  void render_items(const Snapshot& snapshot);

  std::vector<nlohmann::json> items_;  // rendered so far, in output order
};

// The last body of a prediction whose server was stopped before its end, from one that was rendered
// earlier. Throws std::invalid_argument if that is not one.
std::string stopped_body(const std::string& rendered, Clock::time_point now);

}  // namespace dream::host
