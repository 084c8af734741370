// Pictures and masks on their way into the model, in the order and with the numbers of diffusers'
// StableDiffusionImg2ImgPipeline and StableDiffusionInpaintPipeline.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/zeros.h>

#include "sdk/engine/pipeline/pixels.hpp"
#include "sdk/engine/pipeline/stages.hpp"

namespace dream::engine {
namespace {

// [1, 3, height, width] in -1..1.
at::Tensor pixels_of(const Image& image) {
  return unit_pixels(image.pixels, image.width, image.height, 3) * 2 - 1;
}

// [1, 1, height, width] in 0..1.
at::Tensor pixels_of(const Mask& mask) {
  return unit_pixels(mask.pixels, mask.width, mask.height, 1);
}

DiagonalGaussian encode(const Components& parts, const at::Tensor& pixels) {
  return parts.vae.encode(pixels.to(parts.compute.device, parts.compute.dtype));
}

at::Tensor gaussian(at::IntArrayRef sizes, at::Generator& generator) {
  return at::randn(sizes, generator, at::TensorOptions(at::kFloat));
}

}  // namespace

DiagonalGaussian posterior_of(const Components& parts, const Image& image) {
  return encode(parts, pixels_of(image));
}

at::Tensor sample_of(const Components& parts, const DiagonalGaussian& posterior,
                     at::Generator& generator) {
  const auto mean = posterior.mean.to(at::kFloat);
  const auto deviation = at::exp(posterior.logvar.to(at::kFloat) * 0.5);
  return parts.vae.from_raw(mean + deviation * gaussian(mean.sizes(), generator).to(mean.device()));
}

ImageCondition condition_on_image(const Components& parts, const GenerateRequest& request,
                                  const Plan& plan) {
  const bool inpainting_unet = parts.is_inpainting();
  ImageCondition condition;
  if (request.image && !(inpainting_unet && plan.from_noise)) {
    condition.image = posterior_of(parts, *request.image);
  }
  if (!request.mask && !inpainting_unet) return condition;

  auto mask = request.mask ? pixels_of(*request.mask) : at::ones({1, 1, plan.height, plan.width});
  const auto whole = request.image ? pixels_of(*request.image)
                                   : at::zeros({1, 3, plan.height, plan.width});
  const auto repainted = mask >= 0.5;
  if (inpainting_unet) {
    mask = repainted.to(at::kFloat);  // such a UNet was shown masks of black and white alone
    condition.masked_image = encode(parts, whole * repainted.logical_not());
  }
  const auto scale = parts.vae.config().scale();
  condition.mask = at::upsample_nearest2d(mask, {plan.height / scale, plan.width / scale})
                       .to(parts.compute.device);
  return condition;
}

Start start_of(const Components& parts, const Plan& plan, const ImageCondition& condition,
               at::Generator& generator) {
  Start start;
  if (condition.image) start.image = sample_of(parts, *condition.image, generator);
  start.noise = initial_noise(parts, plan, generator);
  start.mask = condition.mask;
  if (condition.masked_image) {
    const auto masked = sample_of(parts, *condition.masked_image, generator);
    start.unet_channels = at::cat({start.mask, masked}, 1);
  } else if (start.mask.defined()) {
    // diffusers encodes the masked picture for every UNet: what its sample draws is drawn here,
    // so that the steps that draw noise go on with the same numbers.
    gaussian(start.noise.sizes(), generator);
  }
  return start;
}

}  // namespace dream::engine
