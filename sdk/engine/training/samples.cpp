#include "sdk/engine/training/samples.hpp"

#include <ATen/core/grad_mode.h>

#include "sdk/engine/pipeline/stages.hpp"
#include "sdk/engine/training/check_request.hpp"

namespace dream::engine {

void draw_samples(const TrainRequest& request, const Components& parts, int step) {
  if (request.save_sample_prompt.empty() || !request.on_sample) return;
  const at::NoGradGuard unrecorded;
  GenerateRequest drawing;
  drawing.prompt = request.save_sample_prompt;
  drawing.negative_prompt = request.save_sample_negative_prompt;
  drawing.prompt_syntax = PromptSyntax::plain;
  drawing.width = drawing.height = training_resolution(request, parts);
  drawing.num_inference_steps = request.save_infer_steps;
  drawing.guidance_scale = request.save_guidance_scale;
  drawing.scheduler = "DDIM";
  drawing.disable_safety_check = true;
  drawing.on_log = request.on_log;
  PreviewCache previews;
  for (int i = 0; i < request.n_save_sample; ++i) {
    const TrainProgress progress{
        .phase = TrainPhase::sampling, .step = i, .steps = request.n_save_sample};
    drawing.seed = request.seed + i;
    drawing.on_step = [&](const Step&) { return request.on_progress(progress); };
    draw(parts, drawing, make_plan(drawing, parts), previews, [&](int, const Image& image) {
      request.on_sample({step, request.max_train_steps, i, image});
    });
  }
}

}  // namespace dream::engine
