// Models with LoRAs laid over them. A variant is the loaded model's parts with the touched layers
// made anew, so the loaded model never changes and a request without LoRAs cannot notice that
// others had some. Variants stay in the resident cache: the next request often wants the same.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/pipeline/resident_cache.hpp"

namespace dream::engine {

// Of one loaded model. Any thread may ask.
class LoraVariants {
 public:
  // Variants are things of the kind "lora" there, whose limit bounds the tensors they hold for
  // themselves; with them stay the parts they were made of.
  explicit LoraVariants(std::shared_ptr<ResidentCache> cache) : cache_(std::move(cache)) {}

  // `base` with all of `loras`, whose order does not matter; null when none has any strength.
  // `log` (may be empty) is told the keys that fit no layer. Throws InvalidInput that names the
  // file where it cannot be used.
  std::shared_ptr<const Components> get(const Components& base,
                                        const std::vector<WeightOverlay>& loras,
                                        const std::function<void(const std::string&)>& log);

 private:
  struct Variant;
  struct KnownFile {
    std::uintmax_t bytes;
    std::filesystem::file_time_type written;
    std::string digest;
  };

  std::string digest_of(const WeightOverlay& lora);

  const std::shared_ptr<ResidentCache> cache_;
  std::mutex mutex_;
  std::map<std::filesystem::path, KnownFile> files_;
};

}  // namespace dream::engine
