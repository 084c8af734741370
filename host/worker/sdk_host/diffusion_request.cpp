#include "host/worker/sdk_host/diffusion_request.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <limits>
#include <random>

#include "host/worker/sdk_host/diffusion_inputs.hpp"
#include "host/worker/sdk_host/lora_inputs.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"
#include "host/worker/sdk_host/status.hpp"
#include "host/worker/sdk_host/tensor.hpp"

namespace dream::worker {
namespace {

std::function<void(const engine::Step&, engine::HostTensor&)> latents_hook(
    const dream_overrides& given) {
  return [call = given.on_latents, user = given.user](const engine::Step& step,
                                                      engine::HostTensor& latents) {
    dream_dl_tensor shown = dl_view(latents);
    dream_status* status = call(user, static_cast<std::uint64_t>(step.step),
                                static_cast<std::uint64_t>(step.steps), &shown);
    if (status != nullptr) throw_template_error(status);
  };
}

engine::PromptSyntax prompt_syntax(const std::string& name) {
  if (name == "compel") return engine::PromptSyntax::compel;
  if (name == "a1111") return engine::PromptSyntax::a1111;
  if (name == "plain") return engine::PromptSyntax::plain;
  throw invalid("prompt_syntax: '" + name + "' is none of compel, a1111, plain");
}

// 16 bits, as the original templates draw: short enough to be typed again.
std::int64_t draw_seed() {
  std::random_device device;
  return std::uniform_int_distribution<int>(0, 0xffff)(device);
}

void check_size(const engine::GenerateRequest& request) {
  const long pixels = static_cast<long>(request.width) * request.height;
  if (pixels > max_pixels)
    throw invalid("width " + std::to_string(request.width) + " x height " +
                  std::to_string(request.height) + " is " + std::to_string(pixels) +
                  " pixels: at most " + std::to_string(max_pixels) +
                  " are allowed, for example 1024 x 768");
}

void check_seed(const engine::GenerateRequest& request) {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max() - request.num_outputs;
  if (request.seed < 0 || request.seed > most)
    throw invalid("seed " + std::to_string(request.seed) + " is not within 0 to " +
                  std::to_string(most));
}

}  // namespace

dream_overrides known_part(const dream_overrides* overrides) {
  dream_overrides known{};
  if (overrides == nullptr) return known;
  std::memcpy(&known, overrides, std::min<std::size_t>(overrides->struct_size, sizeof known));
  return known;
}

DiffusionJob diffusion_job(const RunState& run, const dream_overrides& given,
                           const engine::ModelInfo& model, const weights::ModelStore& store,
                           const InputPictures& pictures, std::optional<imaging::Size> control) {
  DiffusionJob job;
  engine::GenerateRequest& request = job.request;
  request.prompt = run.input_or<std::string>("prompt", "");
  request.negative_prompt = run.input_or<std::string>("negative_prompt", "");
  request.prompt_syntax = prompt_syntax(run.input_or<std::string>("prompt_syntax", "compel"));
  if (given.prompt != nullptr) request.prompt = view(*given.prompt, "prompt override");
  if (given.negative_prompt != nullptr)
    request.negative_prompt = view(*given.negative_prompt, "negative_prompt override");
  if (given.on_latents != nullptr) request.on_latents = latents_hook(given);
  fit_pictures(run, model, pictures, control, request);
  check_size(request);
  request.num_outputs = run.input_or("num_outputs", 1);
  request.num_inference_steps = run.input_or("num_inference_steps", 50);
  request.guidance_scale = run.input_or("guidance_scale", 7.5);
  request.scheduler = run.input_or<std::string>("scheduler", "DPMSolverMultistep");
  request.karras = run.input_or("karras", false);
  request.clip_skip = run.input_or("clip_skip", 0);
  request.guidance_rescale = run.input_or("guidance_rescale", 0.0);
  request.eta = run.input_or("eta", 0.0);
  request.guess_mode = run.input_or("guess_mode", false);
  request.disable_safety_check = run.input_or("disable_safety_check", false);
  request.loras = lora_inputs(run);
  request.embeddings = embedding_inputs(run);
  if (request.prompt_syntax != engine::PromptSyntax::plain)
    add_prompt_loras(prompt_loras(request.prompt), store, request.loras);
  job.seed_drawn = run.input_json("seed").is_null();
  request.seed = job.seed_drawn ? draw_seed() : run.input_json("seed").get<std::int64_t>();
  check_seed(request);
  job.output_format = run.input_or<std::string>("output_format", "png");
  job.output_quality = run.input_or("output_quality", 95);
  return job;
}

}  // namespace dream::worker
