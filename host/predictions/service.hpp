// What serves predictions, seen from above: HTTP routes and `dream predict` both talk to this.
// Lives on the host's one io_context thread, as everything in the host but webhook delivery.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "host/predictions/prediction.hpp"
#include "host/workers/worker_pool.hpp"

namespace dream::host {

struct PredictionRequest {
  std::string id;  // made by the service when empty
  std::string template_name;
  std::string entry = "predict";  // or "train", if the template has a trainer
  nlohmann::json input;           // as the client sent it: shown in snapshots, secrets masked
  nlohmann::json resolved_input;  // validated, defaults filled in, files as local paths
  std::filesystem::path folder;   // made by the service when empty (new_folder())
  std::vector<Prediction::Observer> observers;
  PublishFile publish = {};  // empty: files of the output are shown as they are
  bool previews = false;     // somebody wants to see it being drawn
};

class PredictionService {
 public:
  PredictionService(WorkerPool& workers, std::filesystem::path state_folder);

  enum class Refusal { none, not_ready, busy };
  struct Created {
    std::shared_ptr<Prediction> prediction;  // null when refused
    Refusal refusal = Refusal::none;
  };
  // Starts a prediction on a free slot. The observers see every event from `start` on, which comes
  // before create() returns; no terminal event does. Throws std::invalid_argument for a template
  // that is not served.
  Created create(PredictionRequest request);

  // The running prediction with this id, or null. Finished ones are forgotten.
  std::shared_ptr<Prediction> find(std::string_view id) const;
  // Asks the worker to stop it; false if no such prediction is running.
  bool cancel(std::string_view id);

  // A fresh folder for a prediction's files; ids are never used as paths.
  std::filesystem::path new_folder();

 private:
  void publish_with(const std::shared_ptr<Prediction>& prediction, PublishFile publish);

  WorkerPool& workers_;
  std::filesystem::path state_folder_;
  std::unordered_map<std::string, std::shared_ptr<Prediction>> running_;
};

}  // namespace dream::host
