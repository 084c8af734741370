// dream.engine.diffusion/1 at the C line: the parts of the pipeline, one by one.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

#include "host/worker/sdk_host/diffusion.hpp"
#include "host/worker/sdk_host/image.hpp"
#include "host/worker/sdk_host/status.hpp"
#include "host/worker/sdk_host/tensor.hpp"
#include "host/worker/sdk_host/values.hpp"

struct dream_denoise {
  std::shared_ptr<const dream::engine::Pipeline> pipeline;  // the loop refers to it
  std::unique_ptr<dream::engine::DenoiseLoop> loop;
};

namespace dream::worker {
namespace {

dream_status* info(dream_diffusion* engine, dream_diffusion_info* info) noexcept {
  return guarded([&] {
    dream_diffusion_info known{};
    known.struct_size = checked(info, "info").struct_size;
    if (checked(engine, "engine").pipeline != nullptr) {
      const engine::ModelInfo& model = engine->pipeline->info();
      known.has_weights = 1;
      known.native_size = static_cast<std::uint32_t>(model.native_size);
      known.vae_factor = static_cast<std::uint32_t>(model.size_multiple);
      known.latent_channels = static_cast<std::uint32_t>(model.latent_channels);
      known.text_tokens = static_cast<std::uint32_t>(model.text_tokens);
      known.text_width = static_cast<std::uint32_t>(model.text_width);
    }
    std::memcpy(info, &known, std::min<std::size_t>(known.struct_size, sizeof known));
  });
}

const char* const* schedulers(const dream_host*) noexcept {
  static const auto names = [] {
    std::array<const char*, engine::scheduler_names.size() + 1> all{};  // ends with null
    std::ranges::copy(engine::scheduler_names, all.begin());
    return all;
  }();
  return names.data();
}

// Numbers of the ABI are wider than the engine's; what does not fit is out of its limits anyway.
int to_int(std::uint32_t number) {
  return static_cast<int>(
      std::min<std::uint32_t>(number, static_cast<std::uint32_t>(std::numeric_limits<int>::max())));
}

dream_status* encode_prompt(dream_diffusion* engine, dream_str prompt, uint32_t clip_skip,
                            dream_dl_managed_tensor** embedding) noexcept {
  return guarded([&] {
    checked(embedding, "embedding") = nullptr;
    const std::string text(view(prompt, "prompt"));
    *embedding = managed(pipeline_of(engine).encode_prompt(text, to_int(clip_skip)));
  });
}

dream_status* encode_image(dream_diffusion* engine, const dream_image* image, uint64_t seed,
                           dream_dl_managed_tensor** latents) noexcept {
  return guarded([&] {
    checked(latents, "latents") = nullptr;
    const engine::Picture& picture = checked(image, "image").picture;
    if (picture.channels != 3)
      throw invalid("the picture has " + std::to_string(picture.channels) +
                    " channels: encode_image takes 3; convert() it");
    *latents = managed(
        pipeline_of(engine).encode_image({picture.width, picture.height, picture.data}, seed));
  });
}

dream_status* decode_latents(dream_diffusion* engine, const dream_dl_tensor* latents,
                             dream_image** image) noexcept {
  return guarded([&] {
    checked(image, "image") = nullptr;
    engine::Image drawn = pipeline_of(engine).decode_latents(host_tensor(latents, "latents"));
    *image = make_image({drawn.width, drawn.height, 3, std::move(drawn.pixels)});
  });
}

engine::DenoiseRequest to_request(const dream_denoise_request& given) {
  dream_denoise_request known{};
  std::memcpy(&known, &given, std::min<std::size_t>(given.struct_size, sizeof known));
  engine::DenoiseRequest request;
  request.steps = to_int(known.steps);
  const std::string_view scheduler = view(known.scheduler, "scheduler");
  if (!scheduler.empty()) request.scheduler = scheduler;
  request.guidance_scale = known.guidance_scale;
  request.seed = known.seed;
  request.prompt = host_tensor(known.prompt, "prompt");
  if (known.negative_prompt != nullptr)
    request.negative_prompt = host_tensor(known.negative_prompt, "negative_prompt");
  if (known.latents != nullptr) request.latents = host_tensor(known.latents, "latents");
  request.width = to_int(known.width);
  request.height = to_int(known.height);
  return request;
}

dream_status* denoise_begin(dream_diffusion* engine, const dream_denoise_request* request,
                            dream_denoise** loop) noexcept {
  return guarded([&] {
    checked(loop, "loop") = nullptr;
    const engine::Pipeline& pipeline = pipeline_of(engine);
    auto begun = std::make_unique<dream_denoise>();
    begun->pipeline = engine->pipeline;
    begun->loop = pipeline.denoise(to_request(checked(request, "request")));
    *loop = begun.release();
  });
}

dream_status* denoise_step(dream_denoise* loop, uint32_t* remaining) noexcept {
  return guarded([&] {
    const int left = checked(loop, "loop").loop->step();
    if (remaining != nullptr) *remaining = static_cast<std::uint32_t>(left);
  });
}

dream_status* denoise_latents(dream_denoise* loop, dream_dl_tensor* latents) noexcept {
  return guarded(
      [&] { checked(latents, "latents") = dl_view(checked(loop, "loop").loop->latents()); });
}

void denoise_end(dream_denoise* loop) noexcept {
  delete loop;
}

}  // namespace

const engine::Pipeline& pipeline_of(dream_diffusion* engine) {
  if (checked(engine, "engine").pipeline == nullptr)
    throw std::runtime_error("This is a template, not a real model - add weights");
  return *engine->pipeline;
}

void add_diffusion_parts(dream_engine_diffusion_1& table) {
  table.info = info;
  table.schedulers = schedulers;
  table.encode_prompt = encode_prompt;
  table.encode_image = encode_image;
  table.decode_latents = decode_latents;
  table.denoise_begin = denoise_begin;
  table.denoise_step = denoise_step;
  table.denoise_latents = denoise_latents;
  table.denoise_end = denoise_end;
}

}  // namespace dream::worker
