// The inputs that every diffusion template shares. Said once, on the host's side, so that a
// template built long ago gains the inputs that its host has learned since.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "host/worker/sdk_host/schema.hpp"

namespace dream::worker {

// What the weights decide about the schema.
struct DiffusionDefaults {
  std::string prompt = "photo of cjw person";
  bool request_weights = false;  // the server lets a request choose its weights
};

// Pixels a picture may have: width x height.
inline constexpr long max_pixels = 786432;

// In the order users see. Only what this build can do. With a control: those of a template that it
// leads, the annotator's options among them. Throws SdkError (DREAM_INVALID_INPUT) for an annotator
// that does not exist.
std::vector<InputSpec> diffusion_inputs(const DiffusionDefaults& defaults,
                                        const ControlSource* control = nullptr);

// The trainer's instance_prompt where the weights carry it. Never fails: weights that cannot be
// read are reported when the engine opens them, not when a schema is asked for. "none": none.
DiffusionDefaults diffusion_defaults(const std::filesystem::path& weights);

}  // namespace dream::worker
