// What leads the pictures of a run: the control image of its template or the template's own maps,
// and the extra controls, each with its network, its picture, and how strongly and how long it
// acts. Planned before any network is loaded, so that a wrong value costs no time.
#pragma once

#include <dream/abi/engine_diffusion.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/worker/sdk_host/diffusion_pictures.hpp"
#include "host/worker/sdk_host/run.hpp"
#include "sdk/engine/engine.hpp"

namespace dream::worker {

struct PlannedControl {
  std::string input;              // it came by, for messages: "control_image", "extra_controls/0"
  ControlSource source;           // without an annotator where the picture is a map already
  engine::Picture picture;        // upright
  nlohmann::json settings = {};   // of the annotator; null: all as it has them
  bool is_extra = false;          // of extra_controls, not the template's own
  double scale = 1.0, guidance_start = 0.0, guidance_end = 1.0;
};

// In the order they came, the template's own first. `given`: what the template sets. Throws
// SdkError (DREAM_INVALID_INPUT) that names the input.
std::vector<PlannedControl> plan_controls(const RunState& run, const dream_overrides& given,
                                          const InputPictures& pictures);

}  // namespace dream::worker
