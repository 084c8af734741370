// The engine's shared library, loaded when the first template asks for it and never unloaded, so
// that a worker whose templates need no engine starts without libtorch.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "sdk/engine/engine.hpp"

namespace dream::worker {

class EngineLibrary {
 public:
  // Loads <prefix>/lib/dream/libdream_engine.so at the first call; later calls ignore `options`.
  // Throws std::runtime_error when it is not there or refuses the options.
  engine::Engine& engine(const engine::EngineOptions& options);

  // The weights of this process, read once. Throws std::runtime_error.
  std::shared_ptr<const engine::Pipeline> pipeline(
      const engine::EngineOptions& options, const std::string& weights,
      const std::function<void(const std::string&)>& warn);

 private:
  std::mutex mutex_;
  engine::Engine* engine_ = nullptr;  // lives until the process ends
  std::shared_ptr<const engine::Pipeline> pipeline_;
};

}  // namespace dream::worker
