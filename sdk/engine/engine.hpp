// The engine as the worker sees it: plain C++ types, no libtorch header. The engine is a shared
// library (libdream_engine.so) that is loaded at the first engine query and never unloaded; both
// sides are built together, so C++ types and exceptions may cross.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace dream::engine {

// Wrong value of an input: the message names the input, the value and what is allowed.
class InvalidInput : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Thrown out of generate() when the step callback asked to stop.
class Canceled : public std::exception {
 public:
  const char* what() const noexcept override { return "canceled"; }
};

// Thrown out of generate() when the safety checker left no picture. Worded as the original
// templates word it, for clients look for that.
class AllFlagged : public std::runtime_error {
 public:
  AllFlagged()
      : std::runtime_error(
            "NSFW content detected. Try running it again, or try a different prompt.") {}
};

// 8-bit RGB, height x width x 3, row-major.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;
};

// 8-bit grey, height x width, row-major.
struct Mask {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;
};

// fp32 values in row-major order, in CPU memory.
struct HostTensor {
  std::vector<std::int64_t> shape;
  std::vector<float> data;
};

// A weight file laid over the model for one request, already on this machine.
struct WeightOverlay {
  std::filesystem::path file;
  std::string name;    // what messages and prompts (`<lora:name:0.8>`, a trigger word) call it
  double scale = 1.0;  // of a LoRA; an embedding has none
};

enum class PromptSyntax { compel, a1111, plain };

enum class ControlKind { controlnet, adapter, style_adapter };

// A network that steers the drawing by a picture: a ControlNet, a T2I-Adapter or its style variant.
// Immutable, made by Engine::load_control(), and fits every Pipeline of its architecture.
class ControlModel {
 public:
  virtual ~ControlModel() = default;
  virtual ControlKind kind() const = 0;
  virtual std::int64_t bytes() const = 0;  // of memory its weights take
};

// One use of a ControlModel in a request.
struct Control {
  std::shared_ptr<const ControlModel> model;
  std::string name;  // what messages call it
  // The control map, of the request's size (a style adapter's: of any size).
  Image image;
  // ControlNets made for inpainting: the pixels that the request's mask repaints become -1.
  bool masked = false;
  double scale = 1.0;
  // Share of the steps after which it begins and ends; 0 <= begin <= end <= 1.
  double guidance_start = 0.0, guidance_end = 1.0;
};

struct Step {
  int image = 0;     // index of the picture, from 0
  int together = 1;  // pictures drawn side by side, `image` the first of them
  int images = 1;    // pictures of this request
  int step = 0;      // denoise steps done for these pictures, 1..steps
  int steps = 1;
};

struct GenerateRequest {
  std::string prompt;
  std::string negative_prompt;
  PromptSyntax prompt_syntax = PromptSyntax::compel;
  int width = 0;   // pixels, multiple of 8; 0 = the image's size, else the model's native size
  int height = 0;
  int num_outputs = 1;
  int num_inference_steps = 50;
  double guidance_scale = 7.5;    // <= 1: no classifier-free guidance; LCM weights are told it
  double guidance_rescale = 0.0;  // 0..1, arXiv 2305.08891 section 3.4
  double eta = 0.0;               // 0..1: noise DDIM puts back; other schedulers do not use it
  std::string scheduler = "DPMSolverMultistep";
  bool karras = false;  // Karras sigma spacing; only schedulers that have it
  int clip_skip = 0;    // layers of the text encoder left out at its end
  std::int64_t seed = 0;  // picture i uses seed + i

  // img2img and inpainting. The picture and the mask have the request's size; the mask is grey,
  // 255 where the picture is repainted, 0 where it is kept, between them a mixture.
  std::optional<Image> image;
  std::optional<Mask> mask;       // needs an image
  double prompt_strength = 0.8;   // 0..1: share of the steps that run on the image
  bool paste_original = true;     // kept pixels come from the image, not from the VAE

  std::vector<Control> controls;  // their effects add up
  // ControlNets leave the negative prompt's half alone, and act more the coarser the level.
  bool guess_mode = false;

  std::vector<WeightOverlay> loras;
  std::vector<WeightOverlay> embeddings;  // textual inversion
  bool disable_safety_check = false;  // without a checker, nothing is checked in any case

  // Called after each denoise step of the pictures that are drawn together; false stops the
  // request: generate() throws Canceled.
  std::function<bool(const Step&)> on_step;
  // Called before on_step, for each picture (step.image) with its latents [1, C, h, w]; they may be
  // changed in place, not resized.
  std::function<void(const Step&, HostTensor& latents)> on_latents;
  // A small approximate picture (a pixel per latent pixel) of each one being drawn (step.image),
  // before on_step: once in preview_interval_s, and after the last step. It changes nothing about
  // the result. Empty: none is made.
  std::function<void(const Step&, const Image& preview)> on_preview;
  double preview_interval_s = 0.5;
  // One line per thing the user should know, e.g. a prompt that was cut. May be empty.
  std::function<void(const std::string&)> on_log;
  // A picture the safety checker flagged: it is not handed out. May be empty.
  std::function<void(int index)> on_flagged;
};

// One picture to be denoised step by step.
struct DenoiseRequest {
  int steps = 20;
  std::string scheduler = "DPMSolverMultistep";
  double guidance_scale = 7.5;  // <= 1: the negative prompt is not used
  std::uint64_t seed = 0;       // of the starting noise and of what the steps draw
  HostTensor prompt;            // of encode_prompt(): [1, tokens, width]
  std::optional<HostTensor> negative_prompt;  // needed with guidance, of the prompt's shape
  std::optional<HostTensor> latents;  // N(0,1) noise to start from; unset: drawn from seed
  int width = 0;   // pixels, as in GenerateRequest; not used with latents
  int height = 0;
};

// The loop of generate(), one call per step. One thread at a time; must not outlive its pipeline.
class DenoiseLoop {
 public:
  virtual ~DenoiseLoop() = default;
  // One step; returns how many are left. Throws InvalidInput after the last.
  virtual int step() = 0;
  // The current latents [1, C, h, w]: valid until the next call, may be changed in place.
  virtual HostTensor& latents() = 0;
};

struct ModelInfo {
  int native_size = 512;   // pixels per side: unet.sample_size x VAE factor
  int size_multiple = 8;   // VAE factor
  std::string prediction_type;  // "epsilon" or "v_prediction"
  int latent_channels = 4;
  int text_tokens = 77;  // of one context window
  int text_width = 768;  // of a text embedding
  bool safety_checker = false;  // pictures are checked unless a request says otherwise
};

// One set of weights to draw with. Immutable: any number of threads may call generate(). It holds
// no weights itself: they are in memory while it is used, and afterwards as long as the engine's
// memory budget allows.
class Pipeline {
 public:
  virtual ~Pipeline() = default;
  virtual const ModelInfo& info() const = 0;
  // Loads what is not in memory and keeps all of it there while the result lives; `log` is told
  // what was loaded and how long that took, and nothing where all was there. The calls below do the
  // same for themselves. Throws std::runtime_error, also when the files changed since the load.
  virtual std::shared_ptr<const void> hold(
      const std::function<void(const std::string&)>& log) const = 0;
  // Draws request.num_outputs pictures and hands each to `on_image` (index from 0) as soon as it is
  // decoded. Pictures that the safety checker flags are left out. Throws InvalidInput, Canceled,
  // AllFlagged, std::runtime_error.
  virtual void generate(const GenerateRequest& request,
                        const std::function<void(int index, Image image)>& on_image) const = 0;

  // The parts of generate(); each throws InvalidInput that names what does not fit the weights.
  // Text embedding [1, tokens, width].
  virtual HostTensor encode_prompt(const std::string& prompt, int clip_skip) const = 0;
  // A picture whose sides are multiples of the VAE factor to scaled latents [1, C, h, w]; `seed`
  // draws the posterior sample as torch.randn does.
  virtual HostTensor encode_image(const Image& image, std::uint64_t seed) const = 0;
  // Scaled latents [1, C, h, w] to a picture.
  virtual Image decode_latents(const HostTensor& latents) const = 0;
  virtual std::unique_ptr<DenoiseLoop> denoise(const DenoiseRequest& request) const = 0;
};

// The network of an annotator (edges, depth, a pose …), between the pre- and post-processing of the
// host. Immutable: any number of threads may call run().
class AnnotatorNetwork {
 public:
  virtual ~AnnotatorNetwork() = default;
  // Shapes and ranges are stated in the network's file in annotators/. Computes on the engine's
  // device; tensors come and go in CPU memory. Throws InvalidInput for a shape it cannot take.
  virtual std::vector<HostTensor> run(const HostTensor& input) const = 0;
  virtual std::int64_t bytes() const = 0;  // of memory its weights take
};

struct EngineOptions {
  std::string device = "auto";  // auto, cpu, cuda
  std::string dtype = "auto";   // auto, fp32, bf16, fp16
  int threads = 0;              // 0 = libtorch's choice
  // Memory for everything that stays between requests: models, control networks, annotators and
  // patched layers. What was used longest ago leaves first, what a request uses stays, and one
  // thing that is larger alone stays alone. 0: no limit.
  std::int64_t memory_budget = 0;
  // Of it, for layers that LoRAs changed and that are kept for the next request.
  std::int64_t lora_bytes = std::int64_t{1} << 30;
  // Folder of CLIP's tokenizer (share/dream/clip_vocabulary), for single-file checkpoints, which
  // hold none.
  std::filesystem::path clip_vocabulary{};
  // For weights that carry no safety checker: the folder of one (config.json and weights) or, of
  // the published one, the weight file. Empty: none.
  std::filesystem::path safety_checker = {};
  // Folder of CLIP ViT-L/14 in the model store, looked at for style adapters. Empty: no store.
  std::filesystem::path clip_vision = {};
  // One line for all that comes into memory or leaves it. Any thread. May be empty.
  std::function<void(const std::string&)> log = {};
};

// Something the engine keeps in memory.
struct Resident {
  std::string kind;  // "unet", "vae", "controlnet", "annotator", "lora", …
  std::string name;  // where it came from: a path, for LoRAs their names
  std::int64_t bytes = 0;
  std::uint64_t uses = 0;
  bool in_use = false;
  double idle_s = 0;  // since its last use ended
};

struct TrainRequest;  // training.hpp
struct TrainResult;

// Memory of the device that an engine computes on.
struct DeviceMemory {
  std::int64_t used_bytes = 0;  // by whichever process
  std::int64_t total_bytes = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  // Reads a diffusers folder, an output.zip or a single-file checkpoint. `warn` receives one line
  // per thing the user should know (ignored config keys, unmatched tensors), `log` (may be empty)
  // what was loaded and how long it took, as Pipeline::hold() tells it. Throws
  // std::runtime_error naming file and key. Parts that equal another model's to the byte are shared
  // with it.
  virtual std::shared_ptr<const Pipeline> load(
      const std::filesystem::path& weights, const std::function<void(const std::string&)>& warn,
      const std::function<void(const std::string&)>& log = {}) = 0;
  // Reads a ControlNet (a diffusers folder or a weight file of it) or a T2I-Adapter (diffusers
  // folder, or the original .pth). It stays in memory while the result is held and then as the
  // memory budget allows, so ask for it at each use and hold it no longer. Throws
  // std::runtime_error naming file and key.
  virtual std::shared_ptr<const ControlModel> load_control(
      const std::filesystem::path& weights,
      const std::function<void(const std::string&)>& warn) = 0;
  // `network` is one of annotators/registry.cpp ("hed"), `weights` its file or folder as published.
  // Stays as a control does. Throws as load_control() does.
  virtual std::shared_ptr<const AnnotatorNetwork> load_annotator(
      const std::string& network, const std::filesystem::path& weights,
      const std::function<void(const std::string&)>& warn) = 0;
  // Trains as training.hpp says; models that nobody uses leave the memory before. One at a time.
  // Throws InvalidInput, Canceled, std::runtime_error.
  virtual TrainResult train(const TrainRequest& request) = 0;
  // What is in memory, most recently used first.
  virtual std::vector<Resident> residents() const = 0;
  virtual std::int64_t memory_budget() const = 0;  // bytes, 0: no limit
  // Noise as torch.randn draws it on a CPU generator with this seed. No size may be negative.
  virtual HostTensor randn(const std::vector<std::int64_t>& shape, std::uint64_t seed) const = 0;
  virtual std::string torch_version() const = 0;
  virtual std::string device() const = 0;  // "cpu", "cuda:0"
  // Nothing where the device does not tell, as a CPU.
  virtual std::optional<DeviceMemory> device_memory() const = 0;
  virtual std::string dtype() const = 0;   // "fp32", ...
  virtual int threads() const = 0;         // of one operator on the CPU
};

// Names generate() accepts for `scheduler`, in the order a schema lists them. Inline: schemas are
// made without loading the engine.
inline constexpr std::array scheduler_names = {
    "DDIM", "DPMSolverMultistep", "HeunDiscrete",   "K_EULER_ANCESTRAL", "K_EULER",
    "KLMS", "PNDM",               "UniPCMultistep", "LCM"};

}  // namespace dream::engine

// The library's one C entry. Throws std::runtime_error, e.g. when the device is not there.
extern "C" dream::engine::Engine* dream_engine_create(const dream::engine::EngineOptions& options);
