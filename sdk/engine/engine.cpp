#include "sdk/engine/engine.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "sdk/engine/annotators/registry.hpp"
#include "sdk/engine/kernels/cpu_allocator.hpp"
#include "sdk/engine/pipeline/control_models.hpp"
#include "sdk/engine/pipeline/host_tensor.hpp"
#include "sdk/engine/pipeline/stable_diffusion.hpp"
#include "sdk/engine/pipeline/stages.hpp"
#include "sdk/engine/pipeline/torch_call.hpp"

namespace dream::engine {
namespace {

namespace fs = std::filesystem;

at::Device choose_device(const std::string& name) {
  if (name != "auto" && name != "cpu" && name != "cuda") {
    throw std::runtime_error(fmt::format("device is \"{}\": allowed are auto, cpu, cuda", name));
  }
  if (name == "cpu") return at::kCPU;
  if (at::hasCUDA()) return at::Device(at::kCUDA, 0);
  if (name == "auto") return at::kCPU;
  throw std::runtime_error("device is \"cuda\", but this libtorch finds no CUDA device");
}

bool cpu_computes_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") > 0;
#else
  return false;
#endif
}

at::ScalarType choose_dtype(const std::string& name, at::Device device) {
  if (name == "auto") return device.is_cuda() ? at::kHalf : at::kFloat;
  if (name == "fp32") return at::kFloat;
  if (name == "bf16") {
    if (device.is_cuda() || cpu_computes_bf16()) return at::kBFloat16;
    throw std::runtime_error("dtype is \"bf16\", which this CPU does not compute: use fp32");
  }
  if (name == "fp16") {
    if (device.is_cuda()) return at::kHalf;
    throw std::runtime_error("dtype is \"fp16\", which needs a CUDA device: use fp32 or bf16");
  }
  throw std::runtime_error(
      fmt::format("dtype is \"{}\": allowed are auto, fp32, bf16, fp16", name));
}

// Names the state of a folder or a file: its place, and size and time of each file in it.
std::string fingerprint(const fs::path& folder) {
  std::vector<std::string> files;
  const auto add = [&](const fs::directory_entry& entry) {
    if (!entry.is_regular_file()) return;
    files.push_back(fmt::format("{}|{}|{}", entry.path().string(), entry.file_size(),
                                entry.last_write_time().time_since_epoch().count()));
  };
  add(fs::directory_entry(folder));
  if (fs::is_directory(folder))
    for (const auto& entry : fs::recursive_directory_iterator(folder)) add(entry);
  std::sort(files.begin(), files.end());
  std::string key = folder.string();
  for (const auto& file : files) key += "\n" + file;
  return key;
}

class TorchEngine final : public Engine {
 public:
  explicit TorchEngine(const EngineOptions& options)
      : compute_{.dtype = at::kFloat, .device = choose_device(options.device)},
        lora_bytes_(options.lora_bytes),
        vocabulary_(options.clip_vocabulary),
        safety_checker_(options.safety_checker),
        clip_vision_(options.clip_vision) {
    compute_.dtype = choose_dtype(options.dtype, compute_.device);
    // Stated even when it is libtorch's own choice: threads made later inherit a stated number.
    install_cpu_allocator();
    if (options.threads > 0) threads_ = options.threads;
    at::set_num_threads(threads_);
    // The same seed must give the same bytes.
    at::globalContext().setDeterministicCuDNN(true);
    at::globalContext().setBenchmarkCuDNN(false);
  }

  std::shared_ptr<const Pipeline> load(
      const fs::path& weights, const std::function<void(const std::string&)>& warn) override {
    return shared_load(pipelines_, "model", weights, [&](const fs::path& path) {
      return std::make_shared<const StableDiffusion>(
          Components::load(path, vocabulary_, safety_checker_, compute_, warn), lora_bytes_);
    });
  }

  std::shared_ptr<const ControlModel> load_control(
      const fs::path& weights, const std::function<void(const std::string&)>& warn) override {
    return shared_load(controls_, "control", weights, [&](const fs::path& path) {
      return load_control_model(path, clip_vision_, compute_, warn);
    });
  }

  std::shared_ptr<const AnnotatorNetwork> load_annotator(
      const std::string& network, const fs::path& weights,
      const std::function<void(const std::string&)>& warn) override {
    return shared_load(annotators_, network, weights, [&](const fs::path& path) {
      return make_annotator_network(network, path, compute_, warn);
    });
  }

  HostTensor randn(const std::vector<std::int64_t>& shape, std::uint64_t seed) const override {
    return torch_call([&] {
      auto generator = picture_generator(static_cast<std::int64_t>(seed), 0);
      return to_host(at::randn(shape, generator, at::TensorOptions(at::kFloat)));
    });
  }

  std::string torch_version() const override { return TORCH_VERSION; }
  int threads() const override { return threads_; }
  std::string device() const override { return compute_.device.str(); }
  std::string dtype() const override {
    switch (compute_.dtype) {
      case at::kHalf:
        return "fp16";
      case at::kBFloat16:
        return "bf16";
      default:
        return "fp32";
    }
  }

 private:
  // What lies at `path`, made by make(path) unless someone holds it already.
  template <typename Loaded, typename Make>
  std::shared_ptr<const Loaded> shared_load(
      std::map<std::string, std::weak_ptr<const Loaded>>& known, const std::string& kind,
      const fs::path& path, const Make& make) {
    const at::NoGradGuard no_grad;
    if (!fs::exists(path))
      throw std::runtime_error(fmt::format("{}: no such file or folder", path.string()));
    const auto place = fs::canonical(path);
    const auto key = kind + "\n" + fingerprint(place);
    const std::lock_guard lock(mutex_);
    if (auto loaded = known[key].lock()) return loaded;
    std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
    try {
      std::shared_ptr<const Loaded> loaded = make(place);
      known[key] = loaded;
      return loaded;
    } catch (const c10::Error& error) {
      throw std::runtime_error(
          fmt::format("{}: {}", place.string(), error.what_without_backtrace()));
    }
  }

  Compute compute_;
  int threads_ = at::get_num_threads();
  std::int64_t lora_bytes_;
  fs::path vocabulary_;
  fs::path safety_checker_;
  fs::path clip_vision_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const Pipeline>> pipelines_;
  std::map<std::string, std::weak_ptr<const ControlModel>> controls_;
  std::map<std::string, std::weak_ptr<const AnnotatorNetwork>> annotators_;
};

}  // namespace
}  // namespace dream::engine

extern "C" dream::engine::Engine* dream_engine_create(const dream::engine::EngineOptions& options) {
  return new dream::engine::TorchEngine(options);
}
