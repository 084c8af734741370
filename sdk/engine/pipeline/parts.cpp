// The parts of generate(), each behind plain types and its own checks.
#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "sdk/engine/pipeline/denoiser.hpp"
#include "sdk/engine/pipeline/host_tensor.hpp"
#include "sdk/engine/pipeline/stable_diffusion.hpp"
#include "sdk/engine/pipeline/stages.hpp"
#include "sdk/engine/pipeline/torch_call.hpp"

namespace dream::engine {
namespace {

GenerateRequest to_generate(const DenoiseRequest& request, const ModelInfo& model) {
  GenerateRequest checked;
  checked.num_inference_steps = request.steps;
  checked.scheduler = request.scheduler;
  checked.guidance_scale = request.guidance_scale;
  checked.width = request.width;
  checked.height = request.height;
  if (request.latents) {
    check_shape("latents", *request.latents, {1, model.latent_channels, -1, -1});
    // A side over this limit is refused below, without a product that overflows.
    const auto pixels = [&](std::size_t axis) {
      return static_cast<int>(std::min<std::int64_t>(request.latents->shape[axis], 1 << 16)) *
             model.size_multiple;
    };
    checked.height = pixels(2);
    checked.width = pixels(3);
  }
  return checked;
}

at::Tensor text_states(const DenoiseRequest& request, const Plan& plan, const Components& parts,
                       const ModelInfo& model) {
  check_shape("prompt embedding", request.prompt, {1, -1, model.text_width});
  auto states = to_tensor(request.prompt);
  if (plan.guided) {
    if (!request.negative_prompt) {
      throw InvalidInput(
          fmt::format("guidance_scale is {}: above 1 it needs a negative prompt's embedding",
                      request.guidance_scale));
    }
    check_shape("negative prompt embedding", *request.negative_prompt, request.prompt.shape);
    states = at::cat({to_tensor(*request.negative_prompt), states});
  }
  return states.to(parts.compute.device, parts.compute.dtype);
}

class HandLoop final : public DenoiseLoop {
 public:
  HandLoop(std::shared_ptr<const Components> parts, const Plan& plan,
           const DenoiseRequest& request, const at::Tensor& states)
      : parts_(std::move(parts)),
        plan_(plan),
        conditioning_(controls_, states, 1),
        loop_(start(*parts_, plan, request)) {}

  int step() override {
    if (loop_.left() == 0) {
      throw InvalidInput(
          fmt::format("the denoise loop is over: all {} steps are done", loop_.done()));
    }
    return torch_call([&] {
      take_back();
      engine::step(*parts_, plan_, {&loop_, 1}, conditioning_);
      return loop_.left();
    });
  }

  HostTensor& latents() override {
    return torch_call([&]() -> HostTensor& {
      if (!shown_) shown_ = to_host(loop_.latents());
      return *shown_;
    });
  }

 private:
  static Denoiser start(const Components& parts, const Plan& plan, const DenoiseRequest& request) {
    auto generator = picture_generator(static_cast<std::int64_t>(request.seed), 0);
    auto start = start_of(parts, plan, condition_on_image(parts, {}, plan), generator);
    if (request.latents) start.noise = to_tensor(*request.latents).to(parts.compute.device);
    return {parts, plan, request.scheduler, start, generator};
  }

  // What was shown may have been changed.
  void take_back() {
    if (!shown_) return;
    loop_.latents() = to_tensor(*shown_).to(loop_.latents().device());
    shown_.reset();
  }

  std::shared_ptr<const Components> parts_;
  Plan plan_;
  Controls controls_;  // none
  Conditioning conditioning_;
  Denoiser loop_;
  std::optional<HostTensor> shown_;
};

}  // namespace

HostTensor StableDiffusion::encode_prompt(const std::string& prompt, int clip_skip) const {
  return torch_call([&] {
    const auto model = parts();
    check_clip_skip(clip_skip, *model);
    return to_host(encode_text(*model, prompt, clip_skip));
  });
}

HostTensor StableDiffusion::encode_image(const Image& image, std::uint64_t seed) const {
  return torch_call([&] {
    GenerateRequest size;
    size.width = image.width;
    size.height = image.height;
    if (image.width == 0 || image.height == 0) throw InvalidInput("the picture has no pixels");
    const auto model = parts();
    make_plan(size, *model);
    if (image.pixels.size() != std::size_t{3} * image.width * image.height) {
      throw InvalidInput(fmt::format("a picture of {} x {} pixels has {} bytes, not 3 a pixel",
                                     image.width, image.height, image.pixels.size()));
    }
    auto generator = picture_generator(static_cast<std::int64_t>(seed), 0);
    return to_host(sample_of(*model, posterior_of(*model, image), generator));
  });
}

Image StableDiffusion::decode_latents(const HostTensor& latents) const {
  return torch_call([&] {
    DenoiseRequest size;
    size.latents = latents;
    const auto model = parts();
    make_plan(to_generate(size, info_), *model);
    return decode(*model, to_tensor(latents).to(model->compute.device));
  });
}

std::unique_ptr<DenoiseLoop> StableDiffusion::denoise(const DenoiseRequest& request) const {
  return torch_call([&]() -> std::unique_ptr<DenoiseLoop> {
    auto model = parts();
    const auto plan = make_plan(to_generate(request, info_), *model);
    const auto states = text_states(request, plan, *model, info_);
    return std::make_unique<HandLoop>(std::move(model), plan, request, states);
  });
}

}  // namespace dream::engine
