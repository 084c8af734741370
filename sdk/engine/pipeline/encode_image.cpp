#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/randn.h>

#include "sdk/engine/pipeline/stages.hpp"

namespace dream::engine {

at::Tensor encode(const Components& parts, const Image& image, at::Generator& generator) {
  const auto bytes = at::from_blob(const_cast<std::uint8_t*>(image.pixels.data()),  // read only
                                   {1, image.height, image.width, 3}, at::kByte);
  const auto pixels = bytes.permute({0, 3, 1, 2}).to(at::kFloat).div(255) * 2 - 1;
  const auto posterior = parts.vae.encode(pixels.to(parts.compute.device, parts.compute.dtype));
  const auto mean = posterior.mean.to(at::kFloat);
  const auto noise = at::randn(mean.sizes(), generator, at::TensorOptions(at::kFloat));
  const auto deviation = at::exp(posterior.logvar.to(at::kFloat) * 0.5);
  return parts.vae.from_raw(mean + deviation * noise.to(mean.device()));
}

}  // namespace dream::engine
