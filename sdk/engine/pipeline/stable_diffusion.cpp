#include "sdk/engine/pipeline/stable_diffusion.hpp"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <stdexcept>
#include <utility>

#include "sdk/engine/pipeline/plan.hpp"
#include "sdk/engine/pipeline/stages.hpp"

namespace dream::engine {

StableDiffusion::StableDiffusion(Components parts) : parts_(std::move(parts)) {
  info_.size_multiple = static_cast<int>(parts_.vae.config().scale());
  info_.native_size = static_cast<int>(parts_.unet.config().sample_size) * info_.size_multiple;
  info_.prediction_type = parts_.scheduler.value("prediction_type", "epsilon");
}

void StableDiffusion::generate(const GenerateRequest& request,
                               const std::function<void(int index, Image image)>& on_image) const {
  // Both are per thread: no autograd, and the number of threads the engine was made with.
  const c10::InferenceMode inference;
  at::init_num_threads();
  const auto plan = make_plan(request, parts_);
  try {
    TextContext text(encode_prompts(parts_, request, plan.guided));
    for (int index = 0; index < plan.pictures; ++index) {
      on_image(index, decode(parts_, draw_latents(parts_, request, plan, index, text)));
    }
  } catch (const c10::Error& error) {
    throw std::runtime_error(error.what_without_backtrace());
  }
}

}  // namespace dream::engine
