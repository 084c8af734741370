#include "host/worker/sdk_host/engine_library.hpp"

#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <stdexcept>

namespace dream::worker {
namespace {

engine::Engine* load_engine(const engine::EngineOptions& options) {
  namespace dll = boost::dll;
  const auto prefix = dll::program_location().parent_path().parent_path();
  const auto path = prefix / "lib" / "dream" / "libdream_engine.so";
  if (!boost::filesystem::exists(path))
    throw std::runtime_error("this dream was built without the diffusion engine: " + path.string() +
                             " does not exist");
  try {
    // Global, so that the engine's exceptions are known on this side. Leaked, so that it stays.
    auto* library =
        new dll::shared_library(path, dll::load_mode::rtld_now | dll::load_mode::rtld_global);
    const auto& create =
        library->get<engine::Engine*(const engine::EngineOptions&)>("dream_engine_create");
    return create(options);
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error("cannot load the diffusion engine: " + std::string(error.what()));
  }
}

}  // namespace

engine::Engine& EngineLibrary::engine(const engine::EngineOptions& options) {
  const std::lock_guard lock(mutex_);
  if (engine_ == nullptr) engine_ = load_engine(options);
  return *engine_;
}

std::shared_ptr<const engine::Pipeline> EngineLibrary::pipeline(
    const engine::EngineOptions& options, const std::string& weights,
    const std::function<void(const std::string&)>& warn) {
  engine::Engine& loaded = engine(options);
  const std::lock_guard lock(mutex_);
  if (!pipeline_) pipeline_ = loaded.load(weights, warn);
  return pipeline_;
}

}  // namespace dream::worker
