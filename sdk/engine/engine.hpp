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

// 8-bit RGB, height x width x 3, row-major.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;
};

struct Step {
  int image = 0;   // index of the picture, from 0
  int images = 1;  // pictures of this request
  int step = 0;    // denoise steps done for this picture, 1..steps
  int steps = 1;
};

struct GenerateRequest {
  std::string prompt;
  std::string negative_prompt;
  int width = 0;   // pixels, multiple of 8; 0 = the model's native size
  int height = 0;
  int num_outputs = 1;
  int num_inference_steps = 50;
  double guidance_scale = 7.5;  // <= 1: no classifier-free guidance
  std::string scheduler = "DPMSolverMultistep";
  bool karras = false;  // Karras sigma spacing; only schedulers that have it
  int clip_skip = 0;    // layers of the text encoder left out at its end
  std::int64_t seed = 0;  // picture i uses seed + i

  // Called after each denoise step; false stops the request: generate() throws Canceled.
  std::function<bool(const Step&)> on_step;
  // One line per thing the user should know, e.g. a prompt that was cut. May be empty.
  std::function<void(const std::string&)> on_log;
};

struct ModelInfo {
  int native_size = 512;   // pixels per side: unet.sample_size x VAE factor
  int size_multiple = 8;   // VAE factor
  std::string prediction_type;  // "epsilon" or "v_prediction"
};

// One set of weights, ready to draw. Immutable: any number of threads may call generate().
class Pipeline {
 public:
  virtual ~Pipeline() = default;
  virtual const ModelInfo& info() const = 0;
  // Draws request.num_outputs pictures and hands each to `on_image` (index from 0) as soon as it is
  // decoded. Throws InvalidInput, Canceled, std::runtime_error.
  virtual void generate(const GenerateRequest& request,
                        const std::function<void(int index, Image image)>& on_image) const = 0;
};

struct EngineOptions {
  std::string device = "auto";  // auto, cpu, cuda
  std::string dtype = "auto";   // auto, fp32, bf16, fp16
  int threads = 0;              // 0 = libtorch's choice
};

class Engine {
 public:
  virtual ~Engine() = default;
  // Reads a diffusers folder. `warn` receives one line per thing the user should know (ignored
  // config keys, unmatched tensors). Throws std::runtime_error naming file and key.
  virtual std::shared_ptr<const Pipeline> load(
      const std::filesystem::path& weights,
      const std::function<void(const std::string&)>& warn) = 0;
  virtual std::string torch_version() const = 0;
  virtual std::string device() const = 0;  // "cpu", "cuda:0"
  virtual std::string dtype() const = 0;   // "fp32", ...
};

// Names generate() accepts for `scheduler`, in the order a schema lists them. Inline: schemas are
// made without loading the engine.
inline constexpr std::array<const char*, 3> scheduler_names = {"DDIM", "DPMSolverMultistep",
                                                               "PNDM"};

}  // namespace dream::engine

// The library's one C entry. Throws std::runtime_error, e.g. when the device is not there.
extern "C" dream::engine::Engine* dream_engine_create(const dream::engine::EngineOptions& options);
