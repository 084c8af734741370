// Whether a request's controls can be what they are: said before anything is computed.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "sdk/engine/pipeline/control_models.hpp"
#include "sdk/engine/pipeline/controls.hpp"

namespace dream::engine {
namespace {

constexpr std::size_t most_controls = 16;

[[noreturn]] void refuse(const Control& control, const std::string& problem) {
  throw InvalidInput(fmt::format("control {}: {}", control.name, problem));
}

// The width of each skip connection, from fine to coarse.
std::vector<std::int64_t> skip_widths(const UNetConfig& unet) {
  std::vector<std::int64_t> widths{unet.down_blocks.front().in_channels};
  for (const auto& block : unet.down_blocks)
    widths.insert(widths.end(), static_cast<std::size_t>(block.layers + (block.resamples ? 1 : 0)),
                  block.out_channels);
  return widths;
}

void check_controlnet(const Control& control, const ControlNetConfig& net,
                      const Components& parts) {
  const auto& unet = parts.unet.config();
  const auto text_width = parts.text_encoder.config().hidden_size;
  if (net.encoder.cross_attention_dim != text_width) {
    refuse(control, fmt::format("it was made for a text encoder {} wide, that of the weights is {}",
                                net.encoder.cross_attention_dim, text_width));
  }
  if (net.encoder.in_channels != parts.vae.config().latent_channels) {
    refuse(control, fmt::format("it takes latents of {} channels, those of the weights have {}",
                                net.encoder.in_channels, parts.vae.config().latent_channels));
  }
  if (net.scale() != parts.vae.config().scale()) {
    refuse(control, fmt::format("it has {} pixels to a latent one, the VAE of the weights {}",
                                net.scale(), parts.vae.config().scale()));
  }
  const auto given = skip_widths(net.encoder), wanted = skip_widths(unet);
  if (given != wanted) {
    refuse(control, fmt::format("its blocks [{}] do not match the UNet's [{}]",
                                fmt::join(given, ", "), fmt::join(wanted, ", ")));
  }
}

void check_adapter(const Control& control, const T2IAdapterConfig& adapter,
                   const Components& parts) {
  if (adapter.downscale_factor != parts.vae.config().scale()) {
    refuse(control, fmt::format("it has {} pixels to a latent one, the VAE of the weights {}",
                                adapter.downscale_factor, parts.vae.config().scale()));
  }
  std::vector<std::int64_t> widths;
  for (const auto& block : parts.unet.config().down_blocks) widths.push_back(block.out_channels);
  if (adapter.channels != widths) {
    refuse(control, fmt::format("its levels [{}] do not match the UNet's [{}]",
                                fmt::join(adapter.channels, ", "), fmt::join(widths, ", ")));
  }
}

void check_fit(const Control& control, const Components& parts) {
  const auto& model = *control.model;
  switch (model.kind()) {
    case ControlKind::controlnet:
      return check_controlnet(control, static_cast<const ControlNetControl&>(model).net.config(),
                              parts);
    case ControlKind::adapter:
      return check_adapter(control, static_cast<const AdapterControl&>(model).adapter.config(),
                           parts);
    case ControlKind::style_adapter: {
      const auto width = static_cast<const StyleControl&>(model).adapter.context_dim();
      const auto text_width = parts.text_encoder.config().hidden_size;
      if (width != text_width) {
        refuse(control, fmt::format("its words are {} wide, those of the weights {}", width,
                                    text_width));
      }
    }
  }
}

void check_image(const Control& control, const Plan& plan) {
  const auto& [width, height, pixels] = control.image;
  if (width < 1 || height < 1) refuse(control, "it has no picture");
  if (pixels.size() != std::size_t{3} * width * height) {
    refuse(control, fmt::format("its picture of {} x {} pixels has {} bytes, not 3 a pixel", width,
                                height, pixels.size()));
  }
  if (control.model->kind() == ControlKind::style_adapter) return;
  if (width != plan.width || height != plan.height) {
    refuse(control, fmt::format("its picture has {} x {} pixels: it must have the {} x {} of the "
                                "output",
                                width, height, plan.width, plan.height));
  }
}

}  // namespace

void check_controls(const GenerateRequest& request, const Components& parts, const Plan& plan) {
  if (request.controls.size() > most_controls) {
    throw InvalidInput(fmt::format("{} controls are given: at most {} are allowed",
                                   request.controls.size(), most_controls));
  }
  for (const auto& control : request.controls) {
    if (!control.model) refuse(control, "it has no network");
    if (!std::isfinite(control.scale))
      refuse(control, fmt::format("its scale is {}: allowed are numbers", control.scale));
    const auto start = control.guidance_start, end = control.guidance_end;
    if (!(start >= 0 && start <= end && end <= 1)) {
      refuse(control, fmt::format("it acts from {} to {}: allowed are 0 <= start <= end <= 1",
                                  start, end));
    }
    check_image(control, plan);
    if (control.masked && !request.mask)
      refuse(control, "it repaints what the mask says, and no mask is given");
    check_fit(control, parts);
  }
}

}  // namespace dream::engine
