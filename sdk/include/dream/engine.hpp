// Engine: Stable Diffusion with the weights this server was started with. Opened by the template's
// constructor, closed with the template. Whole pictures by generate(), or the parts of the pipeline
// one by one; all functions of one Engine may be called from several runs at once.
#pragma once

#include <dream/abi/engine_diffusion.h>

#include <dream/barrier.hpp>
#include <dream/host.hpp>
#include <dream/image.hpp>
#include <dream/interface.hpp>
#include <dream/run.hpp>
#include <dream/schema.hpp>
#include <dream/tensor.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dream {

// Step `step` of `steps` of a picture is done; the first is 1.
struct Step {
  uint64_t step;
  uint64_t steps;
};

// A control map that the template made itself, by an Annotator or by hand, and the network that
// follows it.
struct Control {
  std::string network;  // a ControlNet or T2I-Adapter by its name in the model store
  Image image;          // of any size: fitted to the output by resize_mode
  // Unset: the user's conditioning_scale, control_guidance_start and control_guidance_end where the
  // template has these inputs, else 1, 0 and 1.
  std::optional<double> scale{};
  std::optional<double> guidance_start{};  // share of the steps after which it begins, 0 to 1
  std::optional<double> guidance_end{};    // … and ends; not before guidance_start
  bool masked = false;  // made for inpainting: what the user's mask repaints is hidden from it
};

// What the template sets in place of the user's diffusion inputs; unset: as the user said.
struct Overrides {
  std::optional<std::string> prompt{};
  std::optional<std::string> negative_prompt{};
  // Called after each denoise step with the latents [1, C, height/f, width/f] (f: the VAE factor),
  // fp32, CPU, valid during the call: they may be changed in place. What it throws ends the
  // prediction with that error. Called on the thread of generate().
  std::function<void(Step, TensorView latents)> on_latents{};
  // Not empty: these lead, in place of the user's control_image. extra_controls stay. SDK 1.1.
  std::vector<Control> controls{};
};

// What the weights are; all 0 without weights.
struct EngineInfo {
  bool has_weights;
  uint32_t native_size;  // pixels per side
  uint32_t vae_factor;   // pixels per latent
  uint32_t latent_channels;
  uint32_t text_tokens;  // of one context window
  uint32_t text_width;   // of a text embedding
};

// A picture to be denoised step by step. The views are read by Engine::denoise() alone.
struct DenoiseRequest {
  TensorView prompt;                            // of encode_prompt()
  std::optional<TensorView> negative_prompt{};  // needed when guidance_scale is above 1
  uint32_t steps = 20;
  std::string scheduler{};              // empty: DPMSolverMultistep
  double guidance_scale = 7.5;          // <= 1: the negative prompt is not used
  uint64_t seed = 0;                    // of the starting noise and of what the steps draw
  std::optional<TensorView> latents{};  // N(0,1) noise to start from; unset: drawn from the seed
  uint32_t width = 0;                   // pixels; 0: native; not used with latents
  uint32_t height = 0;
};

// A denoise loop: `while (loop.step() > 0) run.checkpoint();`. One thread at a time; ends before
// its Engine does.
class Denoise {
 public:
  Denoise(Denoise&& other) noexcept
      : api_(other.api_), handle_(std::exchange(other.handle_, nullptr)) {}
  Denoise& operator=(Denoise other) noexcept {
    std::swap(api_, other.api_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Denoise() {
    const auto end = api_.find(&dream_engine_diffusion_1::denoise_end);
    if (end != nullptr && handle_ != nullptr) end(handle_);
  }

  // One step; returns how many are left. Throws Error after the last.
  uint32_t step() {
    uint32_t remaining = 0;
    detail::check(api_.host(), api_.get(&dream_engine_diffusion_1::denoise_step, "denoise_step")(
                                   handle_, &remaining));
    return remaining;
  }

  // The current latents, fp32, CPU: valid until the next call, and may be changed in place.
  TensorView latents() {
    dream_dl_tensor latents{};
    detail::check(api_.host(), api_.get(&dream_engine_diffusion_1::denoise_latents,
                                        "denoise_latents")(handle_, &latents));
    return TensorView(latents);
  }

 private:
  friend class Engine;
  explicit Denoise(const detail::Interface<dream_engine_diffusion_1>& api) : api_(api) {}

  detail::Interface<dream_engine_diffusion_1> api_;
  dream_denoise* handle_ = nullptr;
};

class Engine {
  using Api = dream_engine_diffusion_1;

 public:
  // Loads the engine and the weights. Throws Unsupported if this host has no diffusion engine and
  // Error if the weights cannot be loaded. Without weights it succeeds, and generate() fails.
  explicit Engine(Setup& setup) : api_(Host(setup).handle(), DREAM_ENGINE_DIFFUSION_1) {
    check(api_.get(&Api::open, "open")(setup.handle(), &handle_));
  }
  ~Engine() {
    const auto close = api_.find(&Api::close);
    if (close != nullptr && handle_ != nullptr) close(handle_);
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Draws what the run's diffusion inputs ask for: publishes one picture file per output, reports
  // progress and metrics, stops at the next denoise step when canceled. Throws InvalidInput,
  // Canceled, Error, or what on_latents threw (as these: a status stands between); Unsupported if
  // there are controls and this host's SDK is older than 1.1.
  void generate(Run& run, const DiffusionInputs&, const Overrides& overrides = {}) {
    const auto text = [](const std::optional<std::string>& value) {
      return value ? detail::view(std::string_view(*value)) : dream_str{};
    };
    const dream_str prompt = text(overrides.prompt);
    const dream_str negative_prompt = text(overrides.negative_prompt);
    LatentsCall call{api_.host(), &overrides};
    dream_overrides request{};
    request.struct_size = sizeof request;
    request.prompt = overrides.prompt ? &prompt : nullptr;
    request.negative_prompt = overrides.negative_prompt ? &negative_prompt : nullptr;
    request.on_latents = overrides.on_latents ? &LatentsCall::call : nullptr;
    request.user = &call;
    const ControlViews controls(api_.host(), overrides.controls);
    request.controls = controls.pointers.data();
    request.control_count = controls.pointers.size();
    check(api_.get(&Api::generate, "generate")(handle_, detail::RunAccess::handle(run), &request));
  }

  // What the weights are.
  EngineInfo info() const {
    dream_diffusion_info info{};
    info.struct_size = sizeof info;
    check(api_.get(&Api::info, "info")(handle_, &info));
    return {info.has_weights != 0, info.native_size, info.vae_factor,
            info.latent_channels,  info.text_tokens, info.text_width};
  }

  // Names that DenoiseRequest::scheduler may have; none if this host has no diffusion engine.
  static std::vector<std::string> schedulers(Host host) {
    const auto names =
        detail::Interface<Api>(host.handle(), DREAM_ENGINE_DIFFUSION_1).find(&Api::schedulers);
    return names == nullptr ? std::vector<std::string>() : detail::copy_names(names(host.handle()));
  }

  // Text embedding [1, tokens, width], fp32, CPU. clip_skip: layers left out at the encoder's end.
  Tensor encode_prompt(std::string_view prompt, uint32_t clip_skip = 0) {
    dream_dl_managed_tensor* embedding = nullptr;
    check(api_.get(&Api::encode_prompt, "encode_prompt")(handle_, detail::view(prompt), clip_skip,
                                                         &embedding));
    return Tensor(embedding);
  }

  // A picture (3 channels, sides multiples of the VAE factor, else InvalidInput) to scaled latents
  // [1, C, height/f, width/f], fp32, CPU; the seed draws the posterior sample.
  Tensor encode_image(const Image& image, uint64_t seed = 0) {
    dream_dl_managed_tensor* latents = nullptr;
    check(api_.get(&Api::encode_image, "encode_image")(handle_, image.handle(), seed, &latents));
    return Tensor(latents);
  }

  // Scaled latents to a picture of 3 channels. Throws InvalidInput for another shape or type.
  Image decode_latents(TensorView latents) {
    dream_image* image = nullptr;
    check(api_.get(&Api::decode_latents, "decode_latents")(handle_, &latents.dl(), &image));
    return Image(Host(api_.host()), image);
  }

  // Starts a denoise loop; the request's tensors are copied. Throws InvalidInput that names what
  // does not fit the weights.
  Denoise denoise(const DenoiseRequest& wanted) {
    const auto pointer = [](const std::optional<TensorView>& view) {
      return view ? &view->dl() : nullptr;
    };
    dream_denoise_request request{};
    request.struct_size = sizeof request;
    request.steps = wanted.steps;
    request.scheduler = detail::view(std::string_view(wanted.scheduler));
    request.guidance_scale = wanted.guidance_scale;
    request.seed = wanted.seed;
    request.prompt = &wanted.prompt.dl();
    request.negative_prompt = pointer(wanted.negative_prompt);
    request.latents = pointer(wanted.latents);
    request.width = wanted.width;
    request.height = wanted.height;
    Denoise loop(api_);
    check(api_.get(&Api::denoise_begin, "denoise_begin")(handle_, &request, &loop.handle_));
    return loop;
  }

 private:
  // The controls of one generate() as the host reads them.
  struct ControlViews {
    std::vector<dream_control> controls{};
    std::vector<const dream_control*> pointers{};

    ControlViews(const dream_host* host, const std::vector<Control>& given) {
      // An older host would draw without them and not say so.
      if (!given.empty() && host->sdk_major == 1 && host->sdk_minor < 1)
        detail::throw_missing(host, "control maps of a template's own");
      for (const Control& control : given) controls.push_back(view(control));
      for (const dream_control& control : controls) pointers.push_back(&control);
    }

    static dream_control view(const Control& given) {
      dream_control control{};
      control.struct_size = sizeof control;
      control.flags = given.masked ? DREAM_CONTROL_MASKED : 0;
      control.network = detail::view(std::string_view(given.network));
      control.image = given.image.handle();
      const auto set = [&](const std::optional<double>& from, uint32_t flag, double& to) {
        if (from) control.flags |= flag;
        to = from.value_or(0);
      };
      set(given.scale, DREAM_CONTROL_HAS_SCALE, control.scale);
      set(given.guidance_start, DREAM_CONTROL_HAS_GUIDANCE_START, control.guidance_start);
      set(given.guidance_end, DREAM_CONTROL_HAS_GUIDANCE_END, control.guidance_end);
      return control;
    }
  };

  // The callback of one generate(), behind the barrier.
  struct LatentsCall {
    const dream_host* host;
    const Overrides* overrides;
    static dream_status* call(void* user, uint64_t step, uint64_t steps,
                              dream_dl_tensor* latents) noexcept {
      const auto& self = *static_cast<const LatentsCall*>(user);
      return detail::barrier(self.host, "on_latents", [&] {
        self.overrides->on_latents(Step{step, steps}, TensorView(*latents));
      });
    }
  };

  void check(dream_status* status) const { detail::check(api_.host(), status); }

  detail::Interface<Api> api_;
  dream_diffusion* handle_ = nullptr;
};

}  // namespace dream
