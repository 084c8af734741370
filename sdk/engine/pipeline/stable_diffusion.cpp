#include "sdk/engine/pipeline/stable_diffusion.hpp"

#include <algorithm>
#include <utility>

#include "sdk/engine/kernels/cpu_allocator.hpp"
#include "sdk/engine/pipeline/embeddings.hpp"
#include "sdk/engine/pipeline/plan.hpp"
#include "sdk/engine/pipeline/stages.hpp"
#include "sdk/engine/pipeline/torch_call.hpp"

namespace dream::engine {
namespace {

// Goes last of all that a request makes, when its blocks are free.
struct EndOfRequest {
  EndOfRequest() = default;
  EndOfRequest(const EndOfRequest&) = delete;
  EndOfRequest& operator=(const EndOfRequest&) = delete;
  ~EndOfRequest() { age_kept_blocks(); }
};

}  // namespace

StableDiffusion::StableDiffusion(ModelSources sources, const std::shared_ptr<ResidentCache>& cache,
                                 const Warn& warn, const Warn& log)
    : loader_(std::move(sources), cache), variants_(cache) {
  const auto parts = loader_.get(warn, log);
  info_.size_multiple = static_cast<int>(parts->vae.config().scale());
  info_.native_size = static_cast<int>(parts->unet.config().sample_size) * info_.size_multiple;
  info_.prediction_type = parts->scheduler.value("prediction_type", "epsilon");
  info_.latent_channels = static_cast<int>(parts->vae.config().latent_channels);
  info_.text_tokens = static_cast<int>(parts->tokenizer.max_length());
  info_.text_width = static_cast<int>(parts->text_encoder.config().hidden_size);
  info_.safety_checker = parts->safety_checker != nullptr;
}

std::shared_ptr<const void> StableDiffusion::hold(
    const std::function<void(const std::string&)>& log) const {
  return torch_call([&] { return loader_.get({}, log); });
}

void StableDiffusion::generate(const GenerateRequest& request,
                               const std::function<void(int index, Image image)>& on_image) const {
  const EndOfRequest end;
  torch_call([&] {
    const auto base = parts();
    const auto plan = make_plan(request, *base);
    const auto variant = variants_.get(*base, request.loras, request.on_log);
    const Components& drawing = variant ? *variant : *base;
    const auto taught = with_embeddings(drawing, request);
    draw(taught ? *taught : drawing, request, plan, previews_, on_image);
  });
}

void draw(const Components& parts, const GenerateRequest& request, const Plan& plan,
          PreviewCache& shown, const std::function<void(int index, Image image)>& on_image) {
  if (parts.has_built_in_guidance() && !request.negative_prompt.empty() && request.on_log)
    request.on_log("negative_prompt is not used: these weights have their guidance built in");
  const auto states = encode_prompts(parts, request, plan.guided);
  const auto condition = condition_on_image(parts, request, plan);
  const Controls controls(parts, request);
  Previews previews(request, parts.vae, shown);
  const int together = pictures_at_once(parts, plan);
  int flagged = 0;
  for (int first = 0; first < plan.pictures; first += together) {
    const int count = std::min(together, plan.pictures - first);
    const auto latents =
        draw_latents(parts, request, plan, condition, controls, first, count, states, previews);
    for (int i = 0; i < count; ++i) {
      auto image = decode(parts, latents[i]);
      if (request.mask && request.paste_original) paste(image, *request.image, *request.mask);
      if (!request.disable_safety_check && is_flagged(parts, image)) {
        ++flagged;
        if (request.on_flagged) request.on_flagged(first + i);
        continue;
      }
      on_image(first + i, std::move(image));
    }
  }
  if (flagged == plan.pictures) throw AllFlagged();
}

}  // namespace dream::engine
