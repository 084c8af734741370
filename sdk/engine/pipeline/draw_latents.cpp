#include "sdk/engine/pipeline/denoiser.hpp"
#include "sdk/engine/pipeline/host_tensor.hpp"
#include "sdk/engine/pipeline/stages.hpp"

namespace dream::engine {
namespace {

// Shows the latents to whom asked for them and takes over what was changed.
void show_latents(const GenerateRequest& request, const Step& step, at::Tensor& latents) {
  if (!request.on_latents) return;
  HostTensor shown = to_host(latents);
  const auto shape = shown.shape;
  request.on_latents(step, shown);
  check_shape("latents after on_latents", shown, shape);
  latents = to_tensor(shown).to(latents.device());
}

}  // namespace

at::Tensor draw_latents(const Components& parts, const GenerateRequest& request, const Plan& plan,
                        int index, TextContext& text) {
  auto generator = picture_generator(request.seed, index);
  const auto noise = initial_noise(parts, plan, generator);
  Denoiser loop(parts, plan, request.scheduler, {.karras = request.karras}, noise, generator);
  while (loop.left() > 0) {
    loop.step(text);
    const Step step{
        .image = index, .images = plan.pictures, .step = loop.done(), .steps = plan.steps};
    show_latents(request, step, loop.latents());
    if (request.on_step && !request.on_step(step)) throw Canceled();
  }
  return loop.latents();
}

}  // namespace dream::engine
