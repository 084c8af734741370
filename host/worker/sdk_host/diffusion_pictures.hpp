// The pictures among a run's diffusion inputs: read, turned upright and brought to the output's
// size, which they decide where the user does not.
#pragma once

#include <optional>
#include <string>

#include "host/worker/imaging/fit.hpp"
#include "host/worker/sdk_host/run.hpp"
#include "sdk/engine/engine.hpp"
#include "sdk/engine/image/picture.hpp"

namespace dream::worker {

// Upright, without alpha.
struct InputPictures {
  std::optional<engine::Picture> image;
  std::optional<engine::Picture> mask;
  std::optional<engine::Picture> control;  // of a template that a picture leads
};

// A template whose network is made for inpainting repaints its control image where there is no
// image, and is led by the image where there is no control image. Throws SdkError
// (DREAM_INVALID_INPUT) that names the input.
InputPictures read_input_pictures(const RunState& run);

// Sets width, height, image, mask and what belongs to them. `control` is the size of the picture
// that leads, where it may decide the output's. Throws SdkError (DREAM_INVALID_INPUT) that names
// the input.
void fit_pictures(const RunState& run, const engine::ModelInfo& model,
                  const InputPictures& pictures, std::optional<imaging::Size> control,
                  engine::GenerateRequest& request);

// Where `picture`, which came by the input `name`, lies in the request's size by the run's
// resize_mode. Throws SdkError (DREAM_INVALID_INPUT) for proportions that ask for too many pixels.
imaging::Placement place_picture(const RunState& run, const std::string& name,
                                 const engine::Picture& picture,
                                 const engine::GenerateRequest& request);

}  // namespace dream::worker
