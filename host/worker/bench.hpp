// `dream bench` inside a worker: draws with the engine as a prediction would, and times the stages.
#pragma once

#include <nlohmann/json.hpp>

#include "host/worker/sdk_host/host_state.hpp"

namespace dream::worker {

// Answers {"type":"bench", "target":"unet|generate", "size":PIXELS, "steps":N, "batch":N} with the
// report described in protocol.hpp, without its "type". Loads engine and weights if they are not
// loaded yet, and counts that as a stage. Throws std::runtime_error, engine::InvalidInput.
nlohmann::json run_bench(HostState& host, const nlohmann::json& message);

}  // namespace dream::worker
