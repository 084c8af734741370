// ControlNets, T2I-Adapters and style adapters in the denoise loop. What does not depend on the
// step (a ControlNet's view of its picture, an adapter's feature maps, a style's tokens) is
// computed once for all pictures of a request.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/models/controlnet_model.hpp"
#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/pipeline/plan.hpp"

namespace dream::engine {

// Throws InvalidInput that names the control and what does not fit the weights or the request.
void check_controls(const GenerateRequest& request, const Components& parts, const Plan& plan);

// A UNet call of a run, counted from 0.
struct Call {
  std::size_t index = 0, count = 1;
};

// The share of a run's calls in which a control acts; diffusers' control_guidance_start and _end.
struct Range {
  double start = 0, end = 1;
  bool holds(const Call& call) const {
    const auto count = static_cast<double>(call.count);
    return static_cast<double>(call.index) / count >= start &&
           static_cast<double>(call.index + 1) / count <= end;
  }
};

// A request's controls, made ready. The request must outlive it. Immutable.
class Controls {
 public:
  Controls() = default;  // none
  Controls(const Components& parts, const GenerateRequest& request);

  struct Net {
    const ControlNetModel* model;
    at::Tensor embedded;
    double scale;
    bool guess;  // acts on the prompt's half alone
    Range range;
  };
  struct Adapter {
    std::vector<at::Tensor> features;  // scaled
    Range range;
  };
  struct Style {
    at::Tensor tokens;  // [1, tokens, width], scaled
    Range range;
  };
  std::vector<Net> nets;
  std::vector<Adapter> adapters;
  std::vector<Style> styles;
};

// The prompts and the controls as the UNet calls of pictures drawn side by side see them. One
// thread at a time.
class Conditioning {
 public:
  // `states` of encode_prompts(): [1, tokens, width], or [2, …] with the negative prompt first.
  Conditioning(const Controls& controls, const at::Tensor& states, std::int64_t pictures);

  // What the UNet attends to.
  TextContext& text(const Call& call);
  // `sample` [batch, channels, h, w] is the UNet's input without an inpainting UNet's own channels.
  UNetAdditions additions(const at::Tensor& sample, double timestep, const Call& call);

 private:
  TextContext& prompt_half();

  const Controls* controls_;
  at::Tensor states_;  // for all pictures
  bool guided_;
  // By the styles that act, one bit each.
  std::map<std::uint64_t, TextContext> texts_;
  std::optional<TextContext> prompt_half_;  // for ControlNets in guess mode
};

}  // namespace dream::engine
