#include "host/worker/sdk_host/run_weights.hpp"

#include <fmt/format.h>

#include "host/worker/sdk_host/host_state.hpp"

namespace dream::worker {

namespace fs = std::filesystem;

std::string model_name(const fs::path& weights) {
  const fs::path path = weights.has_filename() ? weights : weights.parent_path();
  return path.filename().native();
}

RunWeights run_weights(dream_diffusion& engine, RunState& run) {
  const auto own = run.input_or<std::string>("weights", "");
  bool loaded = false;
  const auto log = [&](const std::string& line) {
    loaded = true;
    run.log("info", "weights: " + line);
  };
  if (own.empty()) {
    const auto held = pipeline_of(&engine).hold(log);
    return {engine.pipeline, engine.host->weights, engine.model, held};
  }
  const auto warn = [&](const std::string& line) { run.log("warning", "weights: " + line); };
  HostState& host = *engine.host;
  RunWeights chosen{
      host.engine.pipeline(host.engine_options, own, warn, log), own, model_name(own), {}};
  chosen.held = chosen.pipeline->hold(log);
  if (!loaded) run.log("info", fmt::format("weights: {} was in memory", chosen.model));
  return chosen;
}

}  // namespace dream::worker
