// The engine's shared library, loaded when the first template asks for it and never unloaded, so
// that a worker whose templates need no engine starts without libtorch.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "sdk/engine/engine.hpp"

namespace dream::worker {

// Loads <prefix>/lib/dream/libdream_engine.so, and with it libtorch, whose symbols are then open to
// libraries loaded later. Once per process; any thread. Throws SdkError (DREAM_UNSUPPORTED) when it
// is not there, std::runtime_error when it does not load.
void load_engine_library();

// The model store's safety checker, for weights that carry none: its folder `safety_checker` or a
// weight file of that name; empty when it has neither.
std::filesystem::path stored_safety_checker(const std::filesystem::path& models);

class EngineLibrary {
 public:
  // Makes the engine at the first call; later calls ignore `options`. Throws as
  // load_engine_library() does, and std::runtime_error when the engine refuses the options.
  engine::Engine& engine(const engine::EngineOptions& options);

  // The weights of this process, read once; `warn` is told then if no safety checker watches over
  // them. Throws std::runtime_error.
  std::shared_ptr<const engine::Pipeline> pipeline(
      const engine::EngineOptions& options, const std::string& weights,
      const std::function<void(const std::string&)>& warn);

 private:
  std::mutex mutex_;
  engine::Engine* engine_ = nullptr;  // lives until the process ends
  std::shared_ptr<const engine::Pipeline> pipeline_;
};

}  // namespace dream::worker
