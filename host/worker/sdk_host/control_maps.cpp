#include "host/worker/sdk_host/control_maps.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "host/base/paths.hpp"
#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/encode.hpp"
#include "host/worker/imaging/fit.hpp"
#include "host/worker/sdk_host/control_kinds.hpp"
#include "host/worker/sdk_host/output_file.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"
#include "weights/store/control_place.hpp"
#include "weights/store/model_store.hpp"

namespace dream::worker {
namespace {
namespace fs = std::filesystem;

engine::Picture map_of(const PlannedControl& planned, imaging::Networks& networks) {
  auto picture = engine::convert(planned.picture, 3);
  if (planned.source.annotator.empty()) return picture;
  try {
    return imaging::make_annotator(planned.source.annotator, networks)
        ->annotate(picture, planned.settings);
  } catch (const engine::InvalidInput& error) {
    throw invalid(planned.input + ": " + error.what());
  }
}

engine::Control make_control(const RunState& run, const PlannedControl& planned,
                             std::shared_ptr<const engine::ControlModel> model,
                             imaging::Networks& networks, const engine::GenerateRequest& request) {
  auto map = map_of(planned, networks);
  if (model->kind() != engine::ControlKind::style_adapter)
    map = imaging::apply(place_picture(run, planned.input, map, request), map,
                         imaging::Border::edge);
  engine::Control control;
  control.model = std::move(model);
  control.name = planned.source.network;
  control.image = {map.width, map.height, std::move(map.data)};
  control.masked = planned.source.masked;
  control.scale = planned.scale;
  control.guidance_start = planned.guidance_start;
  control.guidance_end = planned.guidance_end;
  return control;
}

// The map as the network is shown it: what is hidden from it is black.
engine::Image shown_map(const engine::Control& control, const engine::GenerateRequest& request) {
  engine::Image map = control.image;
  if (!control.masked || !request.mask) return map;
  const auto& mask = request.mask->pixels;
  for (std::size_t i = 0; i < mask.size(); ++i)
    if (mask[i] > 127) std::fill_n(&map.pixels[3 * i], 3, std::uint8_t{0});
  return map;
}

// "control.png", "control-2.png", …
void publish_map(RunState& run, const engine::Image& map, std::size_t index) {
  const std::string name =
      index == 0 ? "control.png" : fmt::format("control-{}.png", index + 1);
  const fs::path path = fs::path(run.temp_folder()) / name;
  write_file(path, imaging::encode(map, "png", 100));
  run.emit_file(path, name);
}

[[noreturn]] void fail_missing(const PlannedControl& control, const weights::ModelStore& store,
                               const fs::path& model) {
  const auto missing = weights::missing_control_network(model, store, host::manifests(),
                                                        control.source.network);
  if (!control.is_extra) throw SdkError(DREAM_UNSUPPORTED, missing);
  throw invalid(fmt::format("{}: {}. Known controls are {}", control.input, missing,
                            fmt::join(control_kind_names(), ", ")));
}

nlohmann::json map_text(const PlannedControl& planned) {
  nlohmann::json text = {{"annotator", nullptr}};
  if (planned.source.annotator.empty()) return text;
  text["annotator"] = planned.source.annotator;
  if (!planned.settings.is_null()) text["settings"] = planned.settings;
  return text;
}

}  // namespace

ControlNetworks control_networks(const std::vector<PlannedControl>& controls, HostState& host,
                                 const fs::path& model) {
  const weights::ModelStore store(host.models);
  const auto warn = [&](const std::string& line) { host.log("warning", line); };
  std::vector<fs::path> places;
  for (const PlannedControl& control : controls) {
    const auto place = weights::find_control_network(model, store, control.source.network);
    if (!place) fail_missing(control, store, model);
    places.push_back(*place);
  }
  ControlNetworks networks;
  for (const auto& place : places)
    networks.push_back(host.engine.engine(host.engine_options).load_control(place, warn));
  return networks;
}

void add_controls(RunState& run, const std::vector<PlannedControl>& controls,
                  const ControlNetworks& models, imaging::Networks& networks, DiffusionJob& job) {
  const bool publish = run.input_or("return_processed_control", false);
  for (std::size_t i = 0; i < controls.size(); ++i) {
    if (run.canceled()) throw SdkError(DREAM_CANCELED, "canceled");
    auto control = make_control(run, controls[i], models[i], networks, job.request);
    if (publish) publish_map(run, shown_map(control, job.request), i);
    job.request.controls.push_back(std::move(control));
    job.control_maps.push_back(map_text(controls[i]));
  }
}

}  // namespace dream::worker
