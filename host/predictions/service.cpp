#include "host/predictions/service.hpp"

#include <algorithm>
#include <stdexcept>

#include "host/base/ids.hpp"
#include "host/predictions/secrets.hpp"

namespace dream::host {
namespace {

// What the template declares for that entry: "inputs" and "output".
const nlohmann::json& declared(const std::vector<nlohmann::json>& schemas, const std::string& name,
                               const std::string& entry) {
  const auto schema = std::find_if(schemas.begin(), schemas.end(), [&](const nlohmann::json& s) {
    return s.value("name", "") == name;
  });
  if (schema == schemas.end())
    throw std::invalid_argument("no template '" + name + "' is being served");
  if (entry == "predict") return *schema;
  const auto part = schema->find(entry);
  if (part == schema->end()) throw std::invalid_argument("template '" + name + "' cannot " + entry);
  return *part;
}

}  // namespace

PredictionService::PredictionService(WorkerPool& workers, std::filesystem::path state_folder)
    : workers_(workers), state_folder_(std::move(state_folder)) {}

PredictionService::Created PredictionService::create(PredictionRequest request) {
  const Health health = workers_.health();
  if (health == Health::busy) return {nullptr, Refusal::busy};
  if (health != Health::ready && health != Health::unhealthy) return {nullptr, Refusal::not_ready};

  Snapshot initial;
  initial.id = request.id.empty() ? new_id() : std::move(request.id);
  const auto& schema = declared(workers_.schemas(), request.template_name, request.entry);
  initial.output_is_list =
      schema.value("/output/kind"_json_pointer, std::string("single")) != "single";
  initial.template_name = std::move(request.template_name);
  initial.entry = std::move(request.entry);
  initial.input = mask_secrets(schema, std::move(request.input));
  initial.previews = request.previews;
  initial.created_at = Clock::now();
  const std::string id = initial.id;
  auto folder = request.folder.empty() ? new_folder() : std::move(request.folder);
  auto prediction = std::make_shared<Prediction>(std::move(initial), std::move(folder));
  prediction->conceal(secret_values(schema, request.resolved_input));

  if (request.publish) publish_with(prediction, std::move(request.publish));

  // First of the observers: once a client hears of the end, the id is free again.
  prediction->observe([this, id](const Snapshot& snapshot, const PredictionEvent& event) {
    if (event.kind != PredictionEvent::Kind::completed) return;
    const auto entry = running_.find(id);  // a later run may have taken over the id
    if (entry != running_.end() && &entry->second->snapshot() == &snapshot) running_.erase(entry);
  });
  for (auto& observer : request.observers) prediction->observe(std::move(observer));

  const auto [entry, fresh] = running_.try_emplace(id);
  const auto before = std::exchange(entry->second, prediction);
  if (workers_.run(prediction, request.resolved_input)) return {prediction, Refusal::none};
  if (fresh)
    running_.erase(id);
  else
    running_[id] = before;
  return {nullptr, Refusal::busy};
}

std::shared_ptr<Prediction> PredictionService::find(std::string_view id) const {
  const auto entry = running_.find(std::string(id));
  return entry == running_.end() ? nullptr : entry->second;
}

bool PredictionService::cancel(std::string_view id) {
  const auto prediction = find(id);
  if (prediction == nullptr) return false;
  if (prediction->is_publishing())  // no worker has it any more
    prediction->cancel();
  else
    workers_.cancel(*prediction);
  return true;
}

void PredictionService::publish_with(const std::shared_ptr<Prediction>& prediction,
                                     PublishFile publish) {
  const std::weak_ptr<Prediction> weak = prediction;
  prediction->publish_files(
      [weak, publish = std::move(publish)](const OutputItem& file, auto abandoned, auto done) {
        publish(file, std::move(abandoned), [weak, done](const auto& url, const auto& error) {
          const auto kept = weak.lock();  // until the callback is through
          if (kept != nullptr) done(url, error);
        });
      },
      [this, weak] {
        if (const auto running = weak.lock()) workers_.cancel(*running);
      });
}

std::filesystem::path PredictionService::new_folder() {
  const auto folder = state_folder_ / "predictions" / new_id();
  std::filesystem::create_directories(folder);
  return folder;
}

}  // namespace dream::host
