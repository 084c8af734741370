#include "sdk/engine/engine.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>

#include "sdk/engine/annotators/registry.hpp"
#include "sdk/engine/kernels/cpu_allocator.hpp"
#include "sdk/engine/kernels/device_memory.hpp"
#include "sdk/engine/pipeline/control_models.hpp"
#include "sdk/engine/pipeline/host_tensor.hpp"
#include "sdk/engine/pipeline/resident_cache.hpp"
#include "sdk/engine/pipeline/stable_diffusion.hpp"
#include "sdk/engine/pipeline/stages.hpp"
#include "sdk/engine/pipeline/torch_call.hpp"
#include "sdk/engine/training/check_request.hpp"
#include "sdk/engine/training/class_pictures.hpp"
#include "sdk/engine/training/trainer.hpp"
#include "weights/inspect.hpp"
#include "weights/same_content.hpp"

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

// About what the weights at `place` will take: its largest file.
std::int64_t largest_file(const fs::path& place) {
  std::error_code error;
  if (!fs::is_directory(place, error)) return static_cast<std::int64_t>(fs::file_size(place));
  std::int64_t largest = 0;
  for (const auto& entry : fs::recursive_directory_iterator(place, error)) {
    if (entry.is_regular_file(error))
      largest = std::max(largest, static_cast<std::int64_t>(entry.file_size()));
  }
  return largest;
}

std::string kind_name(const ControlModel& control) {
  switch (control.kind()) {
    case ControlKind::controlnet:
      return "controlnet";
    case ControlKind::adapter:
      return "t2i-adapter";
    case ControlKind::style_adapter:
      return "style-adapter";
  }
  throw std::logic_error("unknown kind of control network");
}

// libtorch's errors without their backtraces, naming the file.
template <typename Make>
auto loading(const fs::path& place, const Make& make) {
  const at::NoGradGuard no_grad;
  try {
    return make();
  } catch (const c10::Error& error) {
    throw std::runtime_error(
        fmt::format("{}: {}", place.string(), error.what_without_backtrace()));
  }
}

class TorchEngine final : public Engine {
 public:
  explicit TorchEngine(const EngineOptions& options)
      : compute_{.dtype = at::kFloat, .device = choose_device(options.device)},
        vocabulary_(options.clip_vocabulary),
        safety_checker_(options.safety_checker),
        clip_vision_(options.clip_vision),
        cache_(ResidentCache::make(options.memory_budget, options.log)) {
    compute_.dtype = choose_dtype(options.dtype, compute_.device);
    // Stated even when it is libtorch's own choice: threads made later inherit a stated number.
    install_cpu_allocator();
    cache_->limit("lora", options.lora_bytes);
    if (options.threads > 0) threads_ = options.threads;
    at::set_num_threads(threads_);
    // The same seed must give the same bytes.
    at::globalContext().setDeterministicCuDNN(true);
    at::globalContext().setBenchmarkCuDNN(false);
  }

  std::shared_ptr<const Pipeline> load(
      const fs::path& weights, const std::function<void(const std::string&)>& warn,
      const std::function<void(const std::string&)>& log) override {
    const auto place = existing(weights);
    const auto key = weights::fingerprint(place);
    if (auto known = find_pipeline(key)) return known;
    const auto made = loading(place, [&] {
      return std::make_shared<const StableDiffusion>(
          ModelSources{place, vocabulary_, safety_checker_, compute_}, cache_, warn, log);
    });
    // Another may have been faster; two that are the same share their parts in any case.
    if (auto known = find_pipeline(key)) return known;
    const std::lock_guard lock(mutex_);
    pipelines_[key] = made;
    return made;
  }

  std::shared_ptr<const ControlModel> load_control(
      const fs::path& weights, const std::function<void(const std::string&)>& warn) override {
    const auto make = [&](const fs::path& place) {
      return load_control_model(place, clip_vision_, compute_, warn);
    };
    return resident<ControlModel>("control", weights, kind_name, make);
  }

  std::shared_ptr<const AnnotatorNetwork> load_annotator(
      const std::string& network, const fs::path& weights,
      const std::function<void(const std::string&)>& warn) override {
    const auto kind = [](const AnnotatorNetwork&) { return std::string("annotator"); };
    const auto make = [&](const fs::path& place) {
      return make_annotator_network(network, place, compute_, warn);
    };
    return resident<AnnotatorNetwork>(network, weights, kind, make);
  }

  TrainResult train(const TrainRequest& request) override {
    const std::lock_guard one_at_a_time(training_);
    check_request(request);
    at::init_num_threads();
    auto complete = request;
    complete.base = existing(request.base);
    if (!complete.on_log) complete.on_log = [](const std::string&) {};
    if (!complete.on_progress) complete.on_progress = [](const TrainProgress&) { return true; };
    if (lacks_class_pictures(request)) {
      const auto base = load(complete.base, complete.on_log, {});
      complete.class_pictures = class_pictures(complete, *base);
    }
    cache_->make_all_room();
    try {
      auto result = engine::train(complete, vocabulary_, compute_);
      age_kept_blocks();
      return result;
    } catch (const c10::Error& error) {
      throw std::runtime_error(error.what_without_backtrace());
    }
  }

  std::vector<Resident> residents() const override { return cache_->residents(); }
  std::int64_t memory_budget() const override { return cache_->budget_bytes(); }

  HostTensor randn(const std::vector<std::int64_t>& shape, std::uint64_t seed) const override {
    return torch_call([&] {
      auto generator = picture_generator(static_cast<std::int64_t>(seed), 0);
      return to_host(at::randn(shape, generator, at::TensorOptions(at::kFloat)));
    });
  }

  std::string torch_version() const override { return TORCH_VERSION; }
  int threads() const override { return threads_; }
  std::string device() const override { return compute_.device.str(); }
  std::optional<DeviceMemory> device_memory() const override {
    return engine::device_memory(compute_.device);
  }
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
  std::shared_ptr<const Pipeline> find_pipeline(const std::string& key) {
    const std::lock_guard lock(mutex_);
    std::erase_if(pipelines_, [](const auto& entry) { return entry.second.expired(); });
    const auto found = pipelines_.find(key);
    return found == pipelines_.end() ? nullptr : found->second.lock();
  }

  static fs::path existing(const fs::path& path) {
    if (!fs::exists(path))
      throw std::runtime_error(fmt::format("{}: no such file or folder", path.string()));
    return fs::canonical(path);
  }

  // A network by itself: what is in memory, else what make(place) reads.
  template <typename Loaded, typename Kind, typename Make>
  std::shared_ptr<const Loaded> resident(const std::string& what, const fs::path& path,
                                         const Kind& kind, const Make& make) {
    const auto place = existing(path);
    const auto key = what + '\n' + weights::fingerprint(place);
    if (auto there = cache_->find<Loaded>(key)) return there;
    const std::lock_guard one_at_a_time(cache_->loading());
    if (auto there = cache_->find<Loaded>(key)) return there;
    const auto begin = std::chrono::steady_clock::now();
    cache_->make_room(largest_file(place));
    std::shared_ptr<const Loaded> made = loading(place, [&] { return make(place); });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    const Thing thing{kind(*made), place.string(), made->bytes()};
    cache_->tell(fmt::format("memory: loaded {} ({}) of {} in {:.2f} s", thing.kind,
                             weights::human_bytes(static_cast<std::uint64_t>(thing.bytes)),
                             thing.name, took.count()));
    return cache_->add(key, thing, std::move(made));
  }

  Compute compute_;
  int threads_ = at::get_num_threads();
  fs::path vocabulary_;
  fs::path safety_checker_;
  fs::path clip_vision_;
  std::shared_ptr<ResidentCache> cache_;
  std::mutex training_;
  std::mutex mutex_;  // of what follows
  std::map<std::string, std::weak_ptr<const Pipeline>> pipelines_;
};

}  // namespace
}  // namespace dream::engine

extern "C" dream::engine::Engine* dream_engine_create(const dream::engine::EngineOptions& options) {
  return new dream::engine::TorchEngine(options);
}
