// The engine's shared library, loaded when the first template asks for it and never unloaded, so
// that a worker whose templates need no engine starts without libtorch.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
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

// Where the model store has CLIP, whose vision encoder style adapters need, or will have it once it
// is pulled; empty when there is no store.
std::filesystem::path stored_clip_vision(const std::filesystem::path& models);

class EngineLibrary {
 public:
  // Makes the engine at the first call; later calls ignore `options`. Throws as
  // load_engine_library() does, and std::runtime_error when the engine refuses the options.
  engine::Engine& engine(const engine::EngineOptions& options);

  // The weights at `weights`, read once as long as someone has them; `warn` is told then if no
  // safety checker watches over them, `log` as Engine::load() says. Throws std::runtime_error.
  std::shared_ptr<const engine::Pipeline> pipeline(
      const engine::EngineOptions& options, const std::string& weights,
      const std::function<void(const std::string&)>& warn,
      const std::function<void(const std::string&)>& log = {});

  // Null before the first call of engine(). Any thread; never waits for a load.
  const engine::Engine* loaded() const { return engine_; }

 private:
  std::mutex mutex_;
  std::atomic<engine::Engine*> engine_ = nullptr;  // made under the mutex; lives until the end
  std::set<std::string> told_;                     // weights without a safety checker
};

}  // namespace dream::worker
