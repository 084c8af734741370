#include "sdk/engine/pipeline/host_tensor.hpp"
#include "sdk/engine/pipeline/stages.hpp"

namespace dream::engine {
namespace {

// Shows the latents to whom asked for them and takes over what was changed.
void show_latents(const GenerateRequest& request, Step step, int picture, at::Tensor& latents) {
  if (!request.on_latents) return;
  step.image += picture;
  HostTensor shown = to_host(latents);
  const auto shape = shown.shape;
  request.on_latents(step, shown);
  check_shape("latents after on_latents", shown, shape);
  latents = to_tensor(shown).to(latents.device());
}

void show_previews(const Previews& previews, Step step, std::vector<Denoiser>& loops) {
  for (auto& loop : loops) {
    previews.show(step, loop.latents());
    ++step.image;
  }
}

}  // namespace

std::vector<at::Tensor> draw_latents(const Components& parts, const GenerateRequest& request,
                                     const Plan& plan, const ImageCondition& condition,
                                     const Controls& controls, int first, int count,
                                     const at::Tensor& states, Previews& previews) {
  std::vector<Denoiser> loops;
  for (int index = first; index < first + count; ++index) {
    auto generator = picture_generator(request.seed, index);
    const auto start = start_of(parts, plan, condition, generator);
    loops.emplace_back(parts, plan, request.scheduler, start, generator);
  }
  Conditioning conditioning(controls, states, count);
  while (loops.front().left() > 0) {
    step(parts, plan, loops, conditioning);
    const Step done{.image = first,
                    .together = count,
                    .images = plan.pictures,
                    .step = loops.front().done(),
                    .steps = plan.steps};
    for (int i = 0; i < count; ++i) show_latents(request, done, i, loops[i].latents());
    if (previews.due(done)) show_previews(previews, done, loops);
    if (request.on_step && !request.on_step(done)) throw Canceled();
  }
  std::vector<at::Tensor> latents;
  for (auto& loop : loops) latents.push_back(loop.latents());
  return latents;
}

}  // namespace dream::engine
