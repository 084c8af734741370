#include "host/worker/sdk_host/diffusion_inputs.hpp"

#include <exception>

#include "host/worker/sdk_host/control_kinds.hpp"
#include "host/worker/sdk_host/input_specs.hpp"
#include "sdk/engine/engine.hpp"
#include "weights/store/model_folder.hpp"

namespace dream::worker {
namespace {

using spec::choice;
using spec::flag;
using spec::ranged;
using spec::text;

InputSpec side(std::string name, std::string description) {
  InputSpec input;
  input.name = std::move(name);
  input.type = DREAM_INTEGER;
  input.description = std::move(description);
  input.nullable = true;
  for (const int size : {128, 256, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960, 1024})
    input.choices.emplace_back(size);
  return input;
}

InputSpec picture(std::string name, std::string description) {
  return spec::nullable(spec::file(std::move(name), std::move(description)));
}

InputSpec scheduler() {
  InputSpec input =
      text("scheduler", "The scheduler that steers the denoising steps.", "DPMSolverMultistep");
  for (const char* name : engine::scheduler_names) input.choices.emplace_back(name);
  return input;
}

InputSpec seed() {
  InputSpec input;
  input.name = "seed";
  input.type = DREAM_INTEGER;
  input.description = "Random seed; leave it empty to draw one. Picture i uses seed + i.";
  input.nullable = true;
  return input;
}

InputSpec reference_list(std::string name, std::string description, std::string kind) {
  InputSpec input;
  input.name = std::move(name);
  input.description = std::move(description);
  input.list = true;
  input.default_value = nlohmann::json::array();
  input.reference = std::move(kind);
  return input;
}

InputSpec request_weights() {
  InputSpec input;
  input.name = "weights";
  input.description =
      "The model to draw with instead of the server's: a URL or data URL of an output.zip or a "
      "checkpoint, or a name in the model store.";
  input.nullable = true;
  input.reference = "model";
  return input;
}

InputSpec extra_controls() {
  InputSpec input = reference_list(
      "extra_controls",
      "Further controls, each as name=picture@scale[start,end]: the name of a control (canny, "
      "depth …) or of a network in the model store; a URL, a data URL or a name in the model store "
      "for the picture; a scale from 0 to 2 and the share of the steps it acts in may follow, as "
      "in \"depth=photo.png@0.8[0,0.5]\".",
      "pictures");
  input.named_reference = true;
  return input;
}

void add_pictures_and_prompts(std::vector<InputSpec>& inputs, const DiffusionDefaults& defaults,
                              const ControlSource* control) {
  if (control != nullptr)
    inputs.push_back(picture("control_image", "Picture that leads what is drawn; without it the "
                                              "template draws as vanilla does."));
  const std::string empty = control == nullptr
                                ? "when empty that of the image, else the model's own. "
                                : "when empty that of the image or the control image, else the "
                                  "model's own. ";
  for (auto& input : {
           picture("image", "Picture to start from, or to repaint where the mask is white."),
           picture("mask", "White is repainted, black is kept; needs an image."),
           text("prompt", "What to draw.", defaults.prompt),
           text("negative_prompt", "What the picture should not show.", ""),
           side("width",
                "Width in pixels; " + empty + "Width x height may be at most 786432."),
           side("height",
                "Height in pixels; " + empty + "Width x height may be at most 786432."),
           ranged("num_outputs", DREAM_INTEGER, "Number of pictures.", 1, 10, 1),
           ranged("num_inference_steps", DREAM_INTEGER, "Number of denoising steps.", 1, 500, 50),
           ranged("guidance_scale", DREAM_NUMBER,
                  "How closely to follow the prompt (scale of classifier-free guidance).", 1, 20,
                  7.5),
           ranged("prompt_strength", DREAM_NUMBER,
                  "With an image: how much of it is drawn anew; 1 leaves nothing of what is "
                  "repainted.",
                  0, 1, 0.8),
       })
    inputs.push_back(input);
}

void add_control_strength(std::vector<InputSpec>& inputs) {
  inputs.push_back(ranged("conditioning_scale", DREAM_NUMBER,
                          "How strongly the control image leads; 0 is not at all.", 0, 2, 1.0));
  inputs.push_back(ranged("control_guidance_start", DREAM_NUMBER,
                          "Share of the steps after which the control image begins to lead.", 0, 1,
                          0.0));
  inputs.push_back(ranged("control_guidance_end", DREAM_NUMBER,
                          "Share of the steps after which the control image ceases to lead.", 0, 1,
                          1.0));
}

void add_further(std::vector<InputSpec>& inputs) {
  for (auto& input : {
           flag("guess_mode",
                "ControlNets draw without heed of the negative prompt, and guess what the control "
                "shows when the prompt is empty.",
                false),
           flag("control_is_preprocessed",
                "Control pictures are control maps already: no annotator touches them.", false),
           choice("resize_mode",
                  "How the pictures given fill the output: fit shows all of it beside borders, "
                  "fill cuts off what sticks out, stretch scales the sides apart.",
                  {"fit", "fill", "stretch"}, "fill"),
           extra_controls(),
           choice("prompt_syntax",
                  "How the prompts weight words: compel as in word++ and (some words)1.3, a1111 "
                  "as in (some words:1.3), plain not at all.",
                  {"compel", "a1111", "plain"}, "compel"),
           ranged("clip_skip", DREAM_INTEGER, "Layers left out at the end of the text encoder.", 0,
                  11, 0),
           flag("karras", "Space the noise levels after Karras; only for schedulers that can.",
                false),
           flag("paste_original",
                "With a mask: put the image's own pixels back where the mask is black.", true),
           choice("output_format", "File format of the pictures.", {"png", "jpg", "webp"}, "png"),
           ranged("output_quality", DREAM_INTEGER,
                  "Quality of jpg and webp files; png is lossless.", 1, 100, 95),
           ranged("guidance_rescale", DREAM_NUMBER,
                  "How much of the contrast that guidance adds is taken back; for weights that "
                  "predict v, about 0.7.",
                  0, 1, 0.0),
           ranged("eta", DREAM_NUMBER,
                  "Noise that each step puts back; only for DDIM, 1 makes it DDPM.", 0, 1, 0.0),
       })
    inputs.push_back(input);
}

}  // namespace

std::vector<InputSpec> diffusion_inputs(const DiffusionDefaults& defaults,
                                        const ControlSource* control) {
  std::vector<InputSpec> inputs;
  add_pictures_and_prompts(inputs, defaults, control);
  if (control != nullptr)
    for (auto& option : annotator_inputs(control->annotator)) inputs.push_back(std::move(option));
  inputs.push_back(scheduler());
  inputs.push_back(flag("disable_safety_check",
                        "Hand out pictures that the safety checker flags. Use at your own risk.",
                        false));
  if (control != nullptr)
    inputs.push_back(flag("return_processed_control",
                          "Hand out the control map first, as the network is shown it.", false));
  inputs.push_back(seed());
  inputs.push_back(reference_list(
      "lora",
      "LoRAs laid over the model: a URL, a data URL or a name in the model store each, "
      "with a strength from -10 to 10 after an @, as in \"watercolor@0.8\".",
      "loras"));
  inputs.push_back(reference_list(
      "embeddings",
      "Textual inversions, whose words the prompts may then use: a URL, a data URL or "
      "a name in the model store each.",
      "embeddings"));
  if (control != nullptr) add_control_strength(inputs);
  add_further(inputs);
  if (defaults.request_weights) inputs.push_back(request_weights());
  return inputs;
}

DiffusionDefaults diffusion_defaults(const std::filesystem::path& weights) {
  DiffusionDefaults defaults;
  if (weights.empty() || weights == "none") return defaults;
  try {
    const auto folder = weights::ModelFolder::open(weights);
    if (folder.args() && folder.args()->is_object()) {
      const auto found = folder.args()->find("instance_prompt");
      if (found != folder.args()->end() && found->is_string() && *found != "")
        defaults.prompt = found->get<std::string>();
    }
  } catch (const std::exception&) {
    return {};
  }
  return defaults;
}

}  // namespace dream::worker
