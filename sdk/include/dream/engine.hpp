// Engine: Stable Diffusion with the weights this server was started with. Opened by the template's
// constructor, closed with the template; generate() may be called from several runs at once.
#pragma once

#include <dream/abi/engine_diffusion.h>

#include <dream/interface.hpp>
#include <dream/run.hpp>
#include <dream/schema.hpp>
#include <optional>
#include <string>

namespace dream {

// What a template's constructor receives. Valid during the constructor only.
class Setup {
 public:
  Setup(const dream_host* host, dream_setup* handle) : host_(host), handle_(handle) {}
  Setup(const Setup&) = delete;
  Setup& operator=(const Setup&) = delete;

 private:
  friend class Engine;
  const dream_host* host_;
  dream_setup* handle_;
};

// What the template sets in place of the user's diffusion inputs; unset: as the user said.
struct Overrides {
  std::optional<std::string> prompt{};
  std::optional<std::string> negative_prompt{};
};

class Engine {
 public:
  // Loads the engine and the weights. Throws Unsupported if this host has no diffusion engine and
  // Error if the weights cannot be loaded. Without weights it succeeds, and generate() fails.
  explicit Engine(Setup& setup) : api_(setup.host_, DREAM_ENGINE_DIFFUSION_1) {
    detail::check(api_.host(),
                  api_.get(&dream_engine_diffusion_1::open, "open")(setup.handle_, &handle_));
  }
  ~Engine() {
    const auto close = api_.find(&dream_engine_diffusion_1::close);
    if (close != nullptr && handle_ != nullptr) close(handle_);
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Draws what the run's diffusion inputs ask for: publishes one picture file per output, reports
  // progress and metrics, stops at the next denoise step when canceled. Throws InvalidInput,
  // Canceled or Error.
  void generate(Run& run, const DiffusionInputs&, const Overrides& overrides = {}) {
    const auto text = [](const std::optional<std::string>& value) {
      return value ? detail::view(std::string_view(*value)) : dream_str{};
    };
    const dream_str prompt = text(overrides.prompt);
    const dream_str negative_prompt = text(overrides.negative_prompt);
    dream_overrides request{};
    request.struct_size = sizeof request;
    request.prompt = overrides.prompt ? &prompt : nullptr;
    request.negative_prompt = overrides.negative_prompt ? &negative_prompt : nullptr;
    detail::check(api_.host(), api_.get(&dream_engine_diffusion_1::generate, "generate")(
                                   handle_, detail::RunAccess::handle(run), &request));
  }

 private:
  detail::Interface<dream_engine_diffusion_1> api_;
  dream_diffusion* handle_ = nullptr;
};

}  // namespace dream
