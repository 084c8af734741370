#include <ATen/ops/isfinite.h>
#include <ATen/ops/round.h>

#include <cstring>
#include <stdexcept>

#include "sdk/engine/pipeline/stages.hpp"

namespace dream::engine {

Image decode(const Components& parts, const at::Tensor& latents) {
  const auto raw = parts.vae.to_raw(latents).to(parts.compute.dtype);
  const auto decoded = parts.vae.decode(raw).to(at::kCPU, at::kFloat);
  if (!at::isfinite(decoded).all().item<bool>()) {
    throw std::runtime_error(
        "the decoded picture holds values that are not finite: the weights are broken or need a "
        "wider dtype than this one");
  }
  // round() goes half to even, as numpy's does.
  const auto bytes = at::round((decoded * 0.5 + 0.5).clamp(0, 1) * 255)
                         .to(at::kByte)
                         .permute({0, 2, 3, 1})
                         .contiguous();
  Image image{.width = static_cast<int>(bytes.size(2)),
              .height = static_cast<int>(bytes.size(1)),
              .pixels = std::vector<std::uint8_t>(bytes.numel())};
  std::memcpy(image.pixels.data(), bytes.const_data_ptr(), image.pixels.size());
  return image;
}

}  // namespace dream::engine
