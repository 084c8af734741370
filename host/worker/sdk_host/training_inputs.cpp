#include "host/worker/sdk_host/training_inputs.hpp"

#include "host/worker/sdk_host/input_specs.hpp"
#include "sdk/engine/training.hpp"

namespace dream::worker {
namespace {

using spec::choice;
using spec::flag;
using spec::nullable;
using spec::ranged;
using spec::text;

using Inputs = std::vector<InputSpec>;

InputSpec whole(std::string name, std::string description, double ge, double le, int value) {
  return ranged(std::move(name), DREAM_INTEGER, std::move(description), ge, le, value);
}

InputSpec number(std::string name, std::string description, double ge, double le, double value) {
  return ranged(std::move(name), DREAM_NUMBER, std::move(description), ge, le, value);
}

InputSpec texts(std::string name, std::string description, const std::vector<std::string>& value) {
  InputSpec input = text(std::move(name), std::move(description), "");
  input.list = true;
  input.default_value = value;
  return input;
}

InputSpec base() {
  InputSpec input = nullable(text(
      "ckpt_base",
      "The model to begin with instead of the server's: a URL or data URL of an output.zip or a "
      "checkpoint, or a name in the model store.",
      ""));
  input.reference = "model";
  return input;
}

void add_data(Inputs& inputs) {
  for (auto& input : {
           spec::required_text("instance_prompt",
                               "What the pictures show, with a rare word for what is new in them, "
                               "as in \"a photo of sks dog\". A caption of a picture's own takes "
                               "its place."),
           spec::required_text("class_prompt",
                               "The same without the rare word, as in \"a photo of a dog\": what "
                               "shall stay as it is."),
           spec::file("instance_data",
                      "A zip archive of the pictures to learn from. Captions may lie beside them: "
                      "name.txt for name.png, or a metadata.jsonl with file_name and text."),
           nullable(spec::file("class_data",
                               "A zip archive of pictures for class_prompt; what is missing to "
                               "num_class_images is drawn.")),
           whole("num_class_images",
                 "Pictures of the class that there shall be for prior preservation, at least.", 1,
                 10'000, 50),
       })
    inputs.push_back(input);
}

void add_samples(Inputs& inputs) {
  for (auto& input : {
           nullable(text("save_sample_prompt",
                         "What to draw with the trained weights, as samples in the output.", "")),
           nullable(text("save_sample_negative_prompt", "What the samples should not show.", "")),
           whole("n_save_sample", "Number of samples.", 1, 100, 4),
           number("save_guidance_scale", "Guidance scale of the samples.", 0, 50, 7.5),
           whole("save_infer_steps", "Denoising steps of a sample.", 1, 500, 50),
       })
    inputs.push_back(input);
}

void add_pictures_and_prior(Inputs& inputs) {
  for (auto& input : {
           flag("pad_tokens", "Fill prompts up to the text encoder's whole context.", false),
           flag("with_prior_preservation",
                "Learn the class's pictures beside the new ones, so that the class stays as it is.",
                true),
           number("prior_loss_weight", "Weight of the class's pictures in the loss.", 0, 100, 1.0),
           whole("seed", "Seed of everything that chance decides.", 0, 4294967295.0, 1337),
           nullable(whole("resolution",
                          "Pixels per side that pictures are brought to; when empty the model's "
                          "own.",
                          64, 2048, 512)),
           flag("center_crop", "Cut pictures in the middle, not where chance has it.", false),
       })
    inputs.push_back(input);
}

void add_run(Inputs& inputs) {
  for (auto& input : {
           flag("train_text_encoder", "Train the text encoder too.", true),
           whole("train_batch_size", "Pictures per step.", 1, 64, 1),
           whole("sample_batch_size", "Pictures of the class drawn side by side.", 1, 64, 4),
           whole("num_train_epochs",
                 "Passes over the pictures; counts only where max_train_steps is 0.", 1, 100'000,
                 1),
           whole("max_train_steps", "Training steps; 0: as many as num_train_epochs makes.", 0,
                 1'000'000, 2000),
           whole("gradient_accumulation_steps",
                 "Batches whose gradients are added up for one step.", 1, 1024, 1),
           flag("gradient_checkpointing",
                "Compute activations anew in the backward pass: less memory, more time.", false),
       })
    inputs.push_back(input);
}

void add_optimiser(Inputs& inputs, bool lora) {
  std::vector<nlohmann::json> schedules(engine::lr_scheduler_names.begin(),
                                        engine::lr_scheduler_names.end());
  inputs.push_back(
      number("learning_rate", "Learning rate, after the warm-up.", 0, 1, lora ? 5e-4 : 1e-6));
  inputs.push_back(flag("scale_lr",
                        "Multiply the learning rate by the batch size and the accumulation steps.",
                        false));
  inputs.push_back(
      choice("lr_scheduler", "How the learning rate goes on.", std::move(schedules), "constant"));
  inputs.push_back(
      whole("lr_warmup_steps", "Steps in which the learning rate rises from 0.", 0, 1'000'000, 0));
  if (!lora)
    inputs.push_back(flag("use_8bit_adam", "Keep the optimiser's state in 8 bits (CUDA).", false));
  for (auto& input : {
           number("adam_beta1", "Decay of AdamW's first moment.", 0, 0.999999, 0.9),
           number("adam_beta2", "Decay of AdamW's second moment.", 0, 0.999999, 0.999),
           number("adam_weight_decay", "Weight decay.", 0, 1, 0.01),
           number("adam_epsilon", "AdamW's epsilon.", 0, 1, 1e-8),
           number("max_grad_norm", "Gradients are clipped to this norm; 0: never.", 0, 1e6, 1.0),
           base(),
           whole("lr_num_cycles", "Restarts of the schedule cosine_with_restarts.", 1, 1000, 1),
           number("lr_power", "Power of the schedule polynomial.", 0, 10, 1.0),
           flag("hflip", "Mirror pictures by chance.", false),
           nullable(number("snr_gamma",
                           "Gamma of min-SNR weighting, commonly 5; when empty all noise levels "
                           "weigh the same.",
                           0, 100, 5)),
           number("offset_noise", "Strength of noise that whole channels share, commonly 0.1.", 0,
                  1, 0),
       })
    inputs.push_back(input);
}

void add_model_kind(Inputs& inputs) {
  for (auto& input : {
           flag("use_ema", "Save the moving average of the weights, not the last ones.", false),
           number("ema_decay", "Decay of that average.", 0, 1, 0.9999),
           choice("weights_format", "Format of the weights: bin is what the oldest templates read.",
                  {"bin", "safetensors", "both"}, "bin"),
       })
    inputs.push_back(input);
}

void add_lora_kind(Inputs& inputs) {
  const engine::LoraTraining defaults;
  for (auto& input : {
           whole("rank", "Rank of the matrices.", 1, 1024, defaults.rank),
           nullable(number("lora_alpha",
                           "What the matrices add is scaled by lora_alpha / rank; when empty by 1.",
                           0, 4096, defaults.alpha)),
           number("lora_dropout", "Share of a layer's inputs that the matrices do not see.", 0,
                  0.99, 0),
           flag("use_dora", "Learn the magnitude of each layer apart (DoRA).", false),
           texts("unet_targets", "Layers of the UNet that are trained, by the ends of their names.",
                 defaults.unet_targets),
           texts("text_encoder_targets",
                 "Layers of the text encoder that are trained, by the ends of their names.",
                 defaults.text_encoder_targets),
       })
    inputs.push_back(input);
}

void add_state(Inputs& inputs) {
  for (auto& input : {
           choice("mixed_precision", "Precision of the forward pass: auto is fp16 on CUDA.",
                  {"auto", "no", "fp16", "bf16"}, "auto"),
           whole("checkpointing_steps", "Steps between checkpoints.", 1, 1'000'000, 500),
           whole("checkpoints_total_limit", "Checkpoints that are kept; 0: all.", 0, 1000, 1),
           choice("resume_from_checkpoint",
                  "Go on from the latest checkpoint of the same training, where there is one.",
                  {"latest", "none"}, "latest"),
           whole("sample_steps", "Steps between samples; 0: at the end alone.", 0, 1'000'000, 0),
       })
    inputs.push_back(input);
}

}  // namespace

std::vector<InputSpec> training_inputs(dream_training_kind kind) {
  const bool lora = kind == DREAM_TRAIN_LORA;
  Inputs inputs;
  add_data(inputs);
  add_samples(inputs);
  add_pictures_and_prior(inputs);
  add_run(inputs);
  add_optimiser(inputs, lora);
  lora ? add_lora_kind(inputs) : add_model_kind(inputs);
  add_state(inputs);
  return inputs;
}

}  // namespace dream::worker
