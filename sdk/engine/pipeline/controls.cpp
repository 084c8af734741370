#include "sdk/engine/pipeline/controls.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include "sdk/engine/image/picture.hpp"
#include "sdk/engine/pipeline/control_models.hpp"
#include "sdk/engine/pipeline/pixels.hpp"

namespace dream::engine {
namespace {

// A ControlNet made for inpainting knows what is repainted by its -1.
at::Tensor conditioning_of(const Control& control, const GenerateRequest& request) {
  const auto& [width, height, pixels] = control.image;
  const auto picture = unit_pixels(pixels, width, height, 3);
  if (!control.masked) return picture;
  const auto mask = unit_pixels(request.mask->pixels, width, height, 1);
  return at::where(mask >= 0.5, -1.0f, picture);
}

Controls::Net make_net(const ControlNetModel& net, const Control& control,
                       const GenerateRequest& request, const Compute& compute) {
  const auto conditioning = conditioning_of(control, request).to(compute.device, compute.dtype);
  return {&net, net.embed(conditioning), control.scale,
          request.guess_mode || net.config().global_pool_conditions,
          {control.guidance_start, control.guidance_end}};
}

Controls::Adapter make_adapter(const T2IAdapter& adapter, const Control& control,
                               const Compute& compute) {
  const auto& [width, height, pixels] = control.image;
  const auto channels = static_cast<int>(adapter.config().in_channels);
  const auto picture = channels == 3 ? Picture{width, height, 3, pixels}
                                     : convert({width, height, 3, pixels}, channels);
  auto features = adapter.forward(unit_pixels(picture.data, width, height, channels)
                                      .to(compute.device, compute.dtype));
  for (auto& map : features) map = map * control.scale;
  return {std::move(features), {control.guidance_start, control.guidance_end}};
}

Controls::Style make_style(const StyleControl& style, const Control& control,
                           const Compute& compute) {
  const auto& [width, height, pixels] = control.image;
  const auto seen = style.processor({width, height, 3, pixels}).to(compute.device, compute.dtype);
  const auto tokens = style.adapter.forward(style.vision.last_hidden_state(seen));
  return {tokens * control.scale, {control.guidance_start, control.guidance_end}};
}

void add(at::Tensor& sum, const at::Tensor& more) {
  sum = sum.defined() ? sum + more : more;
}

void add(std::vector<at::Tensor>& sums, const std::vector<at::Tensor>& more) {
  sums.resize(std::max(sums.size(), more.size()));
  for (std::size_t i = 0; i < more.size(); ++i) add(sums[i], more[i]);
}

// The negative prompt's half comes first and is left as it is.
void spare_negative_half(UNetAdditions& additions) {
  const auto behind_zeros = [](at::Tensor& map) { map = at::cat({at::zeros_like(map), map}); };
  for (auto& map : additions.skips) behind_zeros(map);
  behind_zeros(additions.mid);
}

}  // namespace

Controls::Controls(const Components& parts, const GenerateRequest& request) {
  for (const auto& control : request.controls) {
    if (control.scale == 0) continue;
    const auto& model = *control.model;
    switch (model.kind()) {
      case ControlKind::controlnet:
        nets.push_back(make_net(static_cast<const ControlNetControl&>(model).net, control, request,
                                parts.compute));
        break;
      case ControlKind::adapter:
        adapters.push_back(make_adapter(static_cast<const AdapterControl&>(model).adapter, control,
                                        parts.compute));
        break;
      case ControlKind::style_adapter:
        styles.push_back(
            make_style(static_cast<const StyleControl&>(model), control, parts.compute));
        break;
    }
  }
}

Conditioning::Conditioning(const Controls& controls, const at::Tensor& states,
                           std::int64_t pictures)
    : controls_(&controls),
      states_(pictures == 1 ? states : states.repeat_interleave(pictures, 0)),
      guided_(states.size(0) == 2) {}

// Style tokens follow the prompt's; the negative prompt repeats its own last ones, as the style
// adapter's first code has it.
TextContext& Conditioning::text(const Call& call) {
  std::uint64_t active = 0;
  std::vector<at::Tensor> tokens;
  for (std::size_t i = 0; i < controls_->styles.size(); ++i) {
    if (!controls_->styles[i].range.holds(call)) continue;
    active |= std::uint64_t{1} << i;
    tokens.push_back(controls_->styles[i].tokens);
  }
  if (const auto known = texts_.find(active); known != texts_.end()) return known->second;
  auto states = states_;
  if (active != 0) {
    const auto added = at::cat(tokens, 1);
    const auto count = added.size(1);
    const auto halves = states_.chunk(guided_ ? 2 : 1);
    const auto prompt = at::cat({halves.back(), added.expand({halves.back().size(0), -1, -1})}, 1);
    states = prompt;
    if (guided_) {
      const auto& negative = halves.front();
      const auto last = negative.slice(1, negative.size(1) - count);
      states = at::cat({at::cat({negative, last}, 1), prompt});
    }
  }
  return texts_.emplace(active, TextContext(states)).first->second;
}

TextContext& Conditioning::prompt_half() {
  if (!prompt_half_) prompt_half_.emplace(guided_ ? states_.chunk(2).back() : states_);
  return *prompt_half_;
}

UNetAdditions Conditioning::additions(const at::Tensor& sample, double timestep, const Call& call) {
  UNetAdditions sum;
  for (const auto& adapter : controls_->adapters) {
    if (adapter.range.holds(call)) add(sum.blocks, adapter.features);
  }
  for (const auto& net : controls_->nets) {
    if (!net.range.holds(call)) continue;
    const bool half = net.guess && guided_;
    const auto seen = half ? sample.chunk(2).back() : sample;
    // ControlNets were trained beside the prompt alone: no style tokens.
    auto& text = net.guess ? prompt_half() : texts_.try_emplace(0, states_).first->second;
    auto made = net.model->forward(seen, timestep, text, net.embedded, net.scale, net.guess);
    if (half) spare_negative_half(made);
    add(sum.skips, made.skips);
    add(sum.mid, made.mid);
  }
  return sum;
}

}  // namespace dream::engine
