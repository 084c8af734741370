#include "sdk/engine/pipeline/model_loader.hpp"

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>

#include "sdk/engine/pipeline/load_safety_checker.hpp"
#include "weights/inspect.hpp"
#include "weights/same_content.hpp"
#include "weights/sha256.hpp"

namespace dream::engine {
namespace {

namespace fs = std::filesystem;

// What a part is made of.
struct PartFiles {
  std::string kind;
  fs::path place;  // what lists call it
  nlohmann::json config;
  weights::WeightMap tensors;
  std::vector<fs::path> files;
};

std::string digest_of(const weights::ModelFolder& folder, const std::string& component,
                      std::int64_t& bytes) {
  weights::Sha256 digest;
  for (const auto& name : folder.file_names(component)) {
    const auto file = folder.file(component, name);
    if (!file) continue;
    digest.update(std::as_bytes(std::span(name.c_str(), name.size() + 1)));
    digest.update(file->data);
    bytes += static_cast<std::int64_t>(file->data.size());
  }
  return digest.finish();
}

// Of a config that tells how to compute; keys that begin with '_' are remarks of the writer.
nlohmann::json without_remarks(nlohmann::json config) {
  if (!config.is_object()) return config;
  for (auto key = config.begin(); key != config.end();)
    key = key.key().starts_with('_') ? config.erase(key) : std::next(key);
  return config;
}

}  // namespace

ClipTokenizer read_tokenizer(const weights::ModelFolder& folder) {
  const auto read = [&](const std::string& name) -> std::optional<std::string> {
    const auto file = folder.file("tokenizer", name);
    if (!file) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(file->data.data()), file->data.size());
  };
  return ClipTokenizer::load(folder.where("tokenizer"), read);
}

// A part with weights, as the cache keeps it.
template <class Model>
struct ModelLoader::Part {
  nlohmann::json config;
  std::vector<weights::FileState> files;
  Weights weights;
  Model model;

  // Not for files that were written to: what is in memory is what they held before.
  bool equals(const PartFiles& other) const {
    const bool as_loaded = std::ranges::none_of(
        files, [](const weights::FileState& file) { return file.was_rewritten(); });
    return as_loaded && config == without_remarks(other.config) &&
           weights::same_content(weights.tensors(), other.tensors);
  }
};

struct ModelLoader::Parts {
  std::shared_ptr<const ClipTokenizer> tokenizer;
  std::shared_ptr<const Part<CLIPTextModel>> text_encoder;
  std::shared_ptr<const Part<UNet2DConditionModel>> unet;
  std::shared_ptr<const Part<AutoencoderKL>> vae;
  std::shared_ptr<const Part<StableDiffusionSafetyChecker>> safety_checker;

  bool complete(bool with_checker) const {
    return tokenizer && text_encoder && unet && vae && (safety_checker || !with_checker);
  }

  // Copies of models share their tensors.
  std::shared_ptr<const Components> assemble(const nlohmann::json& scheduler,
                                             const Compute& compute) const {
    std::shared_ptr<const StableDiffusionSafetyChecker> checker;
    if (safety_checker) checker = {safety_checker, &safety_checker->model};
    return std::make_shared<const Components>(
        Components{.tokenizer = *tokenizer,
                   .text_encoder = text_encoder->model,
                   .unet = unet->model,
                   .vae = vae->model,
                   .text_encoder_weights = text_encoder->weights,
                   .unet_weights = unet->weights,
                   .scheduler = scheduler,
                   .safety_checker = std::move(checker),
                   .compute = compute,
                   .held = {tokenizer, text_encoder, vae, unet}});
  }
};

// One pass over the files, for those parts that are not in memory.
class ModelLoader::Load {
 public:
  Load(const ModelLoader& owner, const Warn& warn) : owner_(owner), warn_(warn) {}

  Parts run(Parts parts) {
    weights::SingleFileOptions options;
    options.vocabulary = owner_.sources_.vocabulary;
    const auto folder = weights::ModelFolder::open(owner_.sources_.weights, options);
    for (const std::string& note : folder.notes()) warn_(note);
    known.scheduler = corrected_scheduler_config(folder.config("scheduler"));
    if (!parts.tokenizer) parts.tokenizer = tokenizer(folder);
    if (!parts.safety_checker)
      parts.safety_checker = owner_.cache_->find<Part<StableDiffusionSafetyChecker>>(
          owner_.key("safety_checker"));
    if (!parts.safety_checker) find_checker(folder);
    // What is there already is held before room is made for the rest.
    bool may_load = false;
    const auto part = [&](auto& held, const char* component, const auto& read_config) {
      using Model = decltype(held->model);
      if (!held) held = owner_.cache_->find<Part<Model>>(owner_.key(component));
      if (held) return;
      const auto make = [&](const PartFiles& files, const Weights& weights) {
        return Model(read_config({files.config, files.kind + "/config.json"}, warn_), weights);
      };
      held = take<Model>(files_of(folder, component), make, may_load);
    };
    for (const bool loading : {false, true}) {
      may_load = loading;
      part(parts.text_encoder, "text_encoder", read_text_encoder_config);
      part(parts.unet, "unet", read_unet_config);
      part(parts.vae, "vae", read_autoencoder_config);
      if (!parts.safety_checker) parts.safety_checker = safety_checker(may_load);
    }
    known.has_safety_checker = parts.safety_checker != nullptr;
    return parts;
  }

  Known known;
  std::vector<std::string> loaded;  // "unet (3.4 GB)"

 private:
  void tell(const std::string& kind, std::int64_t bytes) {
    loaded.push_back(
        fmt::format("{} ({})", kind, weights::human_bytes(static_cast<std::uint64_t>(bytes))));
  }

  // Read once, though it is asked for again where nothing like it is in memory.
  PartFiles& files_of(const weights::ModelFolder& folder, const std::string& component) {
    if (const auto found = files_.find(component); found != files_.end()) return found->second;
    auto read = folder.read(component);
    return files_[component] = {component, folder.root(), folder.config(component),
                                std::move(read.tensors), std::move(read.files)};
  }

  // One in memory that is made of the same, or, where it may be loaded, a new one, which takes the
  // tensors over.
  template <class Model, class Make>
  std::shared_ptr<const Part<Model>> take(PartFiles& files, const Make& make, bool may_load) {
    auto& cache = *owner_.cache_;
    const auto key = owner_.key(files.kind);
    for (const auto& [other, part] : cache.all<Part<Model>>(files.kind)) {
      if (!part->equals(files)) continue;
      cache.add_key(other, key);
      return cache.find<Part<Model>>(key);
    }
    if (!may_load) return nullptr;
    const Weights weights(std::move(files.tensors), files.kind, owner_.sources_.compute);
    files.tensors.clear();
    const auto bytes = weights.bytes();
    cache.make_room(bytes);
    std::vector<weights::FileState> states;
    for (const auto& file : files.files)
      states.emplace_back(fs::is_regular_file(file) ? file : files.place);
    auto part = std::make_shared<const Part<Model>>(Part<Model>{
        without_remarks(files.config), std::move(states), weights, make(files, weights)});
    weights.report_unused(warn_);
    tell(files.kind, bytes);
    return cache.add(key, {files.kind, files.place.string(), bytes}, std::move(part));
  }

  std::shared_ptr<const ClipTokenizer> tokenizer(const weights::ModelFolder& folder) {
    auto& cache = *owner_.cache_;
    std::int64_t bytes = 0;
    const auto content = "tokenizer\n" + digest_of(folder, "tokenizer", bytes);
    auto held = cache.find<ClipTokenizer>(content);
    if (!held) {
      held = cache.add(content, {"tokenizer", folder.root().string(), bytes},
                       std::make_shared<const ClipTokenizer>(read_tokenizer(folder)));
      tell("tokenizer", bytes);
    }
    cache.add_key(content, owner_.key("tokenizer"));
    return held;
  }

  // The model's own, else the store's.
  void find_checker(const weights::ModelFolder& folder) {
    checker_ = find_safety_checker(folder, owner_.sources_.safety_checker, warn_);
    if (!checker_) return;
    nlohmann::json configs = {{"checker", without_remarks(checker_->config)}};
    if (checker_->processor) configs["processor"] = without_remarks(*checker_->processor);
    files_["safety_checker"] = {"safety_checker", checker_->place, std::move(configs),
                                std::move(checker_->tensors), checker_->files};
  }

  std::shared_ptr<const Part<StableDiffusionSafetyChecker>> safety_checker(bool may_load) {
    if (!checker_) return nullptr;
    const auto make = [&](const PartFiles&, const Weights& weights) {
      return make_safety_checker(*checker_, weights, warn_);
    };
    return take<StableDiffusionSafetyChecker>(files_.at("safety_checker"), make, may_load);
  }

  const ModelLoader& owner_;
  const Warn& warn_;
  std::map<std::string, PartFiles> files_;  // by component
  std::optional<SafetyCheckerFiles> checker_;  // its tensors are in files_
};

ModelLoader::ModelLoader(ModelSources sources, std::shared_ptr<ResidentCache> cache)
    : sources_(std::move(sources)),
      identity_(weights::fingerprint(sources_.weights)),
      cache_(std::move(cache)) {}

std::shared_ptr<const Components> ModelLoader::find(Parts& parts) const {
  const std::lock_guard lock(mutex_);
  if (auto last = last_.lock()) return last;
  if (!known_) return nullptr;
  parts.tokenizer = cache_->find<ClipTokenizer>(key("tokenizer"));
  parts.text_encoder = cache_->find<Part<CLIPTextModel>>(key("text_encoder"));
  parts.unet = cache_->find<Part<UNet2DConditionModel>>(key("unet"));
  parts.vae = cache_->find<Part<AutoencoderKL>>(key("vae"));
  if (known_->has_safety_checker)
    parts.safety_checker =
        cache_->find<Part<StableDiffusionSafetyChecker>>(key("safety_checker"));
  if (!parts.complete(known_->has_safety_checker)) return nullptr;
  auto found = parts.assemble(known_->scheduler, sources_.compute);
  last_ = found;
  return found;
}

std::shared_ptr<const Components> ModelLoader::get(const Warn& warn, const Warn& log) const {
  Parts parts;
  if (auto found = find(parts)) return found;
  parts = {};  // nothing is held while we wait: it may be what has to leave
  const std::lock_guard one_at_a_time(cache_->loading());
  if (auto found = find(parts)) return found;
  if (weights::fingerprint(sources_.weights) != identity_) {
    throw std::runtime_error(
        fmt::format("{}: the weights changed since they were loaded", sources_.weights.string()));
  }
  const auto begin = std::chrono::steady_clock::now();
  const c10::InferenceMode not_inference(false);  // tensors outlive the request that needs them
  const at::NoGradGuard no_grad;
  const Warn first = known_ || !warn ? Warn([](const std::string&) {}) : warn;
  Load load(*this, first);
  parts = load.run(std::move(parts));
  auto made = parts.assemble(load.known.scheduler, sources_.compute);
  check_fit(*made);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (!load.loaded.empty()) {
    const auto line = fmt::format("loaded {} of {} in {:.2f} s", fmt::join(load.loaded, ", "),
                                  sources_.weights.string(), took.count());
    cache_->tell("memory: " + line);
    if (log) log(line);
  }
  const std::lock_guard lock(mutex_);
  if (!known_) known_ = std::make_unique<const Known>(std::move(load.known));
  last_ = made;
  return made;
}

}  // namespace dream::engine
