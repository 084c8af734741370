#include "sdk/engine/pipeline/preview.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/round.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <cstring>

namespace dream::engine {
namespace {

constexpr std::int64_t patches = 4;  // of one colour each, per side of the sample
constexpr std::int64_t side = 12;    // of the sample, in latent pixels
constexpr double ridge = 1e-3;       // keeps the solution small where the sample says little

// [1, C, h, w] to [h * w, C + 1]: a row per pixel, the last column 1.
at::Tensor rows_of(const at::Tensor& latents) {
  const auto rows = latents.squeeze(0).flatten(1).transpose(0, 1);
  return at::cat({rows, at::ones({rows.size(0), 1}, rows.options())}, 1);
}

}  // namespace

PreviewMap::PreviewMap(const AutoencoderKL& vae) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(0);
  const std::int64_t channels = vae.config().latent_channels;
  const auto colours = at::randn({1, channels, patches, patches}, generator, at::kFloat);
  const auto sample = at::upsample_bilinear2d(colours, {side, side}, false);
  const auto raw = vae.to_raw(sample.to(vae.compute().device)).to(vae.compute().dtype);
  const auto pixels = vae.decode(raw).to(at::kCPU, at::kFloat).clamp(-1, 1);
  const std::int64_t scale = vae.config().scale();
  const auto targets = at::avg_pool2d(pixels, {scale, scale}).squeeze(0).flatten(1);
  const auto rows = rows_of(sample);
  const auto normal = rows.t().mm(rows) + ridge * at::eye(channels + 1, rows.options());
  map_ = at::linalg_solve(normal, rows.t().mm(targets.t())).to(vae.compute().device);
}

Image PreviewMap::operator()(const at::Tensor& latents) const {
  const auto spread = latents.std().clamp_min(1);
  const auto colours = rows_of(latents.to(at::kFloat) / spread).mm(map_);
  const auto bytes = at::round((colours * 0.5 + 0.5).nan_to_num().clamp(0, 1) * 255)
                         .to(at::kCPU, at::kByte)
                         .contiguous();
  Image image{.width = static_cast<int>(latents.size(3)),
              .height = static_cast<int>(latents.size(2)),
              .pixels = std::vector<std::uint8_t>(static_cast<std::size_t>(bytes.numel()))};
  std::memcpy(image.pixels.data(), bytes.const_data_ptr(), image.pixels.size());
  return image;
}

const PreviewMap& PreviewCache::get(const AutoencoderKL& vae) {
  const std::lock_guard lock(mutex_);
  if (map_ == nullptr) map_ = std::make_unique<const PreviewMap>(vae);
  return *map_;
}

bool Previews::due(const Step& step) {
  if (!request_.on_preview) return false;
  const auto now = std::chrono::steady_clock::now();
  const double since_s = std::chrono::duration<double>(now - last_).count();
  if (since_s < request_.preview_interval_s && step.step < step.steps) return false;
  last_ = now;
  return true;
}

void Previews::show(const Step& step, const at::Tensor& latents) const {
  request_.on_preview(step, cache_.get(vae_)(latents));
}

}  // namespace dream::engine
