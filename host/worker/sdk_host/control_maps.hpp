// From planned controls to what the engine is shown: networks loaded, maps drawn by annotators and
// fitted to the output beside the image and the mask.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "host/worker/imaging/annotators/networks.hpp"
#include "host/worker/sdk_host/control_plan.hpp"
#include "host/worker/sdk_host/diffusion_request.hpp"
#include "host/worker/sdk_host/host_state.hpp"
#include "host/worker/sdk_host/run.hpp"
#include "sdk/engine/engine.hpp"

namespace dream::worker {

using ControlNetworks = std::vector<std::shared_ptr<const engine::ControlModel>>;

// One for each control, from the folder of `model`, the weights that are drawn with, else from the
// model store. Throws SdkError that names the file which is missing, where it was searched and the
// command that gets it: DREAM_UNSUPPORTED, or DREAM_INVALID_INPUT where extra_controls names it;
// std::runtime_error for a file that is no such network.
ControlNetworks control_networks(const std::vector<PlannedControl>& controls, HostState& host,
                                 const std::filesystem::path& model);

// Adds them to the job, whose request has its size and mask. Publishes the maps, as the networks
// are shown them, where the run asks for that. Throws SdkError (DREAM_INVALID_INPUT) that names
// the input, DREAM_CANCELED between the maps, and what annotators throw.
void add_controls(RunState& run, const std::vector<PlannedControl>& controls,
                  const ControlNetworks& models, imaging::Networks& networks, DiffusionJob& job);

}  // namespace dream::worker
