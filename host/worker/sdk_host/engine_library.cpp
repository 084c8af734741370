#include "host/worker/sdk_host/engine_library.hpp"

#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <stdexcept>

#include "host/worker/sdk_host/sdk_error.hpp"
#include "weights/store/model_store.hpp"

namespace dream::worker {
namespace {
namespace dll = boost::dll;

// A sanitizer's runtime does not let anything be bound past it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr auto load_modes = dll::load_mode::rtld_now | dll::load_mode::rtld_global;
#else
constexpr auto load_modes =
    dll::load_mode::rtld_now | dll::load_mode::rtld_global | dll::load_mode::rtld_deepbind;
#endif

dll::shared_library* open_library() {
  const auto prefix = dll::program_location().parent_path().parent_path();
  const auto path = prefix / "lib" / "dream" / "libdream_engine.so";
  if (!boost::filesystem::exists(path))
    throw SdkError(DREAM_UNSUPPORTED, "this dream was built without the diffusion engine: " +
                                          path.string() + " does not exist");
  try {
    // Global, so that the engine's exceptions are known on this side. Deepbind, because libtorch
    // carries a BLAS of its own under the usual names: with it, libtorch finds that one and not the
    // reference BLAS that OpenCV brought along, which is tens of times slower. Leaked, so that it
    // stays.
    return new dll::shared_library(path, load_modes);
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error("cannot load the diffusion engine: " + std::string(error.what()));
  }
}

dll::shared_library& library() {
  static dll::shared_library* const loaded = open_library();
  return *loaded;
}

}  // namespace

void load_engine_library() {
  library();
}

std::filesystem::path stored_safety_checker(const std::filesystem::path& models) {
  const weights::ModelStore store(models);
  const auto folder = store.find_folder("safety_checker");
  return folder ? *folder : store.find("safety_checker", "").value_or(std::filesystem::path());
}

std::filesystem::path stored_clip_vision(const std::filesystem::path& models) {
  return models.empty() ? models : models / "clip-vit-large-patch14";
}

engine::Engine& EngineLibrary::engine(const engine::EngineOptions& options) {
  const std::lock_guard lock(mutex_);
  if (engine_ == nullptr) {
    const auto& create =
        library().get<engine::Engine*(const engine::EngineOptions&)>("dream_engine_create");
    engine_ = create(options);
  }
  return *engine_.load();
}

std::shared_ptr<const engine::Pipeline> EngineLibrary::pipeline(
    const engine::EngineOptions& options, const std::string& weights,
    const std::function<void(const std::string&)>& warn,
    const std::function<void(const std::string&)>& log) {
  auto opened = engine(options).load(weights, warn, log);
  const std::lock_guard lock(mutex_);
  if (!opened->info().safety_checker && told_.insert(weights).second)
    warn("the weights carry no safety checker and the model store has none: pictures are not "
         "checked");
  return opened;
}

}  // namespace dream::worker
