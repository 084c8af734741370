#include "sdk/engine/training/class_pictures.hpp"

#include <algorithm>

#include "sdk/engine/training/check_request.hpp"

namespace dream::engine {
namespace {

constexpr int class_picture_steps = 50;
constexpr double class_picture_guidance = 7.5;

}  // namespace

bool lacks_class_pictures(const TrainRequest& request) {
  return request.with_prior_preservation &&
         std::ssize(request.class_pictures) < request.num_class_images;
}

std::vector<TrainPicture> class_pictures(const TrainRequest& request, const Pipeline& base) {
  auto pictures = request.class_pictures;
  const int size =
      training_resolution(request, base.info().native_size, base.info().size_multiple);
  while (std::ssize(pictures) < request.num_class_images) {
    const int first = static_cast<int>(pictures.size());
    GenerateRequest drawing;
    drawing.prompt = request.class_prompt;
    drawing.prompt_syntax = PromptSyntax::plain;
    drawing.width = drawing.height = size;
    drawing.num_outputs = std::min(request.sample_batch_size, request.num_class_images - first);
    drawing.num_inference_steps = class_picture_steps;
    drawing.guidance_scale = class_picture_guidance;
    drawing.scheduler = "PNDM";
    drawing.seed = request.seed + first;
    drawing.disable_safety_check = true;
    drawing.on_log = request.on_log;
    drawing.on_step = [&](const Step&) {
      return request.on_progress({.phase = TrainPhase::class_pictures,
                                  .step = first,
                                  .steps = request.num_class_images});
    };
    base.generate(drawing, [&](int index, const Image& image) {
      pictures.push_back({request.keep_class_picture(first + index, image), ""});
    });
  }
  return pictures;
}

}  // namespace dream::engine
