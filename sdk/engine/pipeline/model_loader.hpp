// Brings the parts of a model into memory, each once: what an earlier request left there is taken,
// what equals another model's part to the byte is shared with it, and the rest is loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/pipeline/resident_cache.hpp"
#include "weights/store/model_folder.hpp"

namespace dream::engine {

// The model's tokenizer. Throws std::runtime_error that names the file and what is wrong with it.
ClipTokenizer read_tokenizer(const weights::ModelFolder& folder);

struct ModelSources {
  std::filesystem::path weights;  // a diffusers folder, an output.zip or a single-file checkpoint
  std::filesystem::path vocabulary;      // see EngineOptions::clip_vocabulary
  std::filesystem::path safety_checker;  // see EngineOptions
  Compute compute;
};

// Of one model. Any thread may ask.
class ModelLoader {
 public:
  // Reads nothing yet.
  ModelLoader(ModelSources sources, std::shared_ptr<ResidentCache> cache);

  // All parts, in memory as long as the result or a copy of it lives. `warn` is told at the first
  // load what the user should know of the weights; `log` (may be empty) what was loaded now and
  // how long it took. Throws std::runtime_error naming file and key or tensor, and for files that
  // changed since the first load.
  std::shared_ptr<const Components> get(const Warn& warn, const Warn& log) const;

 private:
  template <class Model>
  struct Part;
  struct Parts;
  class Load;
  // Set by the first load, constant then.
  struct Known {
    bool has_safety_checker = false;
    nlohmann::json scheduler;
  };

  std::string key(const std::string& kind) const { return kind + '\n' + identity_; }
  // Null where something is not in memory; what is, is then in `parts`.
  std::shared_ptr<const Components> find(Parts& parts) const;

  const ModelSources sources_;
  const std::string identity_;  // place and state of the files
  const std::shared_ptr<ResidentCache> cache_;
  mutable std::mutex mutex_;  // of what follows
  mutable std::unique_ptr<const Known> known_;
  mutable std::weak_ptr<const Components> last_;
};

}  // namespace dream::engine
