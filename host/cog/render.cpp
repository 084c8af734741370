#include "host/cog/render.hpp"

#include <spdlog/spdlog.h>

#include <stdexcept>

#include "host/base/mime.hpp"
#include "host/base/time.hpp"
#include "host/cog/data_url.hpp"
#include "host/cog/json_text.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

json item_to_json(const OutputItem& item) {
  if (item.path.empty()) return item.value;
  const std::string_view type =
      item.media_type.empty() ? media_type_of(item.path) : std::string_view(item.media_type);
  try {
    return file_to_data_url(item.path, type);
  } catch (const std::exception& error) {
    spdlog::error("output file {}: {}", item.name, error.what());
    return nullptr;
  }
}

json time_or_null(const std::optional<Clock::time_point>& time) {
  return time ? json(rfc3339(*time)) : json(nullptr);
}

}  // namespace

void PredictionRenderer::render_items(const Snapshot& snapshot) {
  while (items_.size() < snapshot.output.size()) {
    items_.push_back(item_to_json(snapshot.output[items_.size()]));
  }
}

json PredictionRenderer::newest_output(const Snapshot& snapshot) {
  render_items(snapshot);
  return items_.back();
}

json PredictionRenderer::output(const Snapshot& snapshot) {
  render_items(snapshot);
  if (!snapshot.output_is_list) return items_.empty() ? json(nullptr) : items_.back();
  if (items_.empty() && snapshot.status != Status::succeeded) return nullptr;
  return json(items_);
}

json PredictionRenderer::render(const Snapshot& snapshot) {
  return {{"id", snapshot.id},
          {"status", to_string(snapshot.status)},
          {"output", output(snapshot)},
          {"logs", snapshot.logs},
          {"error", snapshot.status == Status::failed ? json(snapshot.error) : json(nullptr)},
          {"metrics", snapshot.metrics},
          {"input", snapshot.input},
          {"created_at", rfc3339(snapshot.created_at)},
          {"started_at", time_or_null(snapshot.started_at)},
          {"completed_at", time_or_null(snapshot.completed_at)}};
}

std::string stopped_body(const std::string& rendered, Clock::time_point now) {
  json body = json::parse(rendered, nullptr, false);
  if (!body.is_object()) throw std::invalid_argument("it is not a prediction");
  body["status"] = to_string(Status::failed);
  body["error"] = "the server was stopped while this prediction ran or waited";
  body["completed_at"] = rfc3339(now);
  return compact(body);
}

}  // namespace dream::host
