// Training as the worker sees it: plain C++ types beside engine.hpp, no libtorch header. DreamBooth
// (arXiv 2208.12242), of all weights or as a LoRA (arXiv 2106.09685). Names and defaults are those
// of Replicate's trainer and of diffusers' examples/dreambooth.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sdk/engine/engine.hpp"

namespace dream::engine {

// A picture to learn from.
struct TrainPicture {
  std::filesystem::path file;
  std::string caption;  // empty: the prompt of its kind
};

// Low-rank matrices beside frozen linear layers, in place of all weights.
struct LoraTraining {
  int rank = 4;
  double alpha = 4;     // what the matrices add is scaled by alpha / rank
  double dropout = 0;   // 0..1: share of a layer's inputs that the matrices do not see
  bool dora = false;    // the layer's magnitude is learned apart (arXiv 2402.09353)
  // Names of layers, or the ends of such names that begin at a dot.
  std::vector<std::string> unet_targets = {"to_q", "to_k", "to_v", "to_out.0"};
  std::vector<std::string> text_encoder_targets = {"q_proj", "k_proj", "v_proj", "out_proj"};
};

enum class TrainPhase { class_pictures, caching, training, sampling, saving };

struct TrainProgress {
  TrainPhase phase = TrainPhase::training;
  int step = 0;   // of what the phase counts: pictures, optimiser steps
  int steps = 1;
  double loss = 0;           // of this step; training only, as what follows
  double mean_loss = 0;      // over the steps so far, later ones counting more
  double learning_rate = 0;
};

// A picture drawn with the weights as they are after `step` steps.
struct TrainSample {
  int step = 0, steps = 1;
  int index = 0;  // of this step's pictures
  const Image& image;
};

struct TrainRequest {
  std::filesystem::path base;  // what Engine::load() takes

  std::string instance_prompt, class_prompt;
  std::vector<TrainPicture> instance_pictures;  // at least one
  std::vector<TrainPicture> class_pictures;     // given ones; what is missing is drawn
  bool with_prior_preservation = true;
  double prior_loss_weight = 1;
  int num_class_images = 50;  // class pictures there shall be, at least
  int sample_batch_size = 4;  // class pictures drawn side by side, at most

  int resolution = 0;  // pixels per side, a multiple of the VAE's factor; 0: the native size
  bool center_crop = false;  // else where chance has it, once per picture
  bool hflip = false;        // mirrored by chance, each time
  bool pad_tokens = false;   // prompts fill the whole context window

  bool train_text_encoder = true;
  std::optional<LoraTraining> lora;
  int train_batch_size = 1;  // instance pictures per call; with the prior as many class pictures
  int max_train_steps = 2000;  // optimiser steps
  int gradient_accumulation_steps = 1;
  bool gradient_checkpointing = false;  // less memory, about a third more time
  std::string mixed_precision = "auto";  // auto (fp16 on CUDA), no, fp16, bf16

  double learning_rate = 1e-6;
  bool scale_lr = false;  // times accumulation steps and batch size
  std::string lr_scheduler = "constant";
  int lr_warmup_steps = 0;
  int lr_num_cycles = 1;  // cosine_with_restarts
  double lr_power = 1;    // polynomial
  bool use_8bit_adam = false;
  double adam_beta1 = 0.9, adam_beta2 = 0.999, adam_weight_decay = 0.01, adam_epsilon = 1e-8;
  double max_grad_norm = 1;  // 0: gradients are not clipped
  std::optional<double> snr_gamma;  // min-SNR weighting (arXiv 2303.09556)
  double offset_noise = 0;          // strength of noise that whole channels share
  bool use_ema = false;             // what is saved is the moving average of the weights
  double ema_decay = 0.9999;
  std::int64_t seed = 1337;

  std::string save_sample_prompt;  // empty: no samples
  std::string save_sample_negative_prompt;
  int n_save_sample = 4;
  double save_guidance_scale = 7.5;
  int save_infer_steps = 50;
  int sample_steps = 0;  // samples every so many steps; 0: at the end alone

  // A folder that is there: receives the diffusers tree or, of a LoRA,
  // pytorch_lora_weights.safetensors and its form for kohya,
  // pytorch_lora_weights_kohya.safetensors.
  std::filesystem::path output;
  std::string weights_format = "bin";  // bin, safetensors, both; a LoRA is always safetensors

  // Where the state is kept, to go on from after a crash. Empty: nowhere. What lies there must be
  // of the same request: another's is left alone and said in the log.
  std::filesystem::path checkpoints;
  int checkpointing_steps = 500;
  int checkpoints_total_limit = 1;  // older ones are removed; 0: all stay
  bool resume = true;               // from the newest

  // RGB, turned as its EXIF orientation says. Throws where it is none.
  std::function<Image(const std::filesystem::path&)> read_picture;
  // Keeps a class picture that was drawn; returns where read_picture() finds it. `index` counts all
  // class pictures from 0.
  std::function<std::filesystem::path(int index, const Image&)> keep_class_picture;
  // False stops the training: the state is kept in `checkpoints` and train() throws Canceled. May
  // be empty.
  std::function<bool(const TrainProgress&)> on_progress;
  std::function<void(const TrainSample&)> on_sample;  // may be empty
  std::function<void(const std::string&)> on_log;     // one line; may be empty
};

struct TrainResult {
  int steps = 0;
  int resumed_from = 0;            // step of the checkpoint, 0: from the beginning
  std::vector<float> losses;       // of every step, those before a crash too
  std::vector<float> learning_rates;
  double seconds = 0;              // of the steps taken now
};

// Names TrainRequest::lr_scheduler takes, in the order a schema lists them.
inline constexpr std::array lr_scheduler_names = {"linear",     "cosine",   "cosine_with_restarts",
                                                  "polynomial", "constant", "constant_with_warmup"};

}  // namespace dream::engine
