#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randn.h>

#include "sdk/engine/pipeline/stages.hpp"

namespace dream::engine {

at::Generator picture_generator(std::int64_t seed, int index) {
  // Unsigned, so that the highest seed wraps instead of overflowing; a negative seed then means
  // what it means to torch.manual_seed.
  const auto own_seed = static_cast<std::uint64_t>(seed) + static_cast<std::uint64_t>(index);
  return at::make_generator<at::CPUGeneratorImpl>(own_seed);
}

at::Tensor initial_noise(const Components& parts, const Plan& plan, at::Generator& generator) {
  const auto& vae = parts.vae.config();
  return at::randn({1, vae.latent_channels, plan.height / vae.scale(), plan.width / vae.scale()},
                   generator, at::TensorOptions(at::kFloat))
      .to(parts.compute.device);
}

}  // namespace dream::engine
