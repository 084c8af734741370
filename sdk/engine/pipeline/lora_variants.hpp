// Models with LoRAs laid over them. A variant is the loaded model's parts with the touched layers
// made anew, so the loaded model never changes and a request without LoRAs cannot notice that
// others had some. The last used variants are kept, since the next request often wants the same.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/pipeline/components.hpp"

namespace dream::engine {

// Of one loaded model. Any thread may ask.
class LoraVariants {
 public:
  // `budget_bytes` bounds the tensors that kept variants hold for themselves. One that is larger
  // alone is made for its request and not kept.
  explicit LoraVariants(std::int64_t budget_bytes) : budget_bytes_(budget_bytes) {}

  // `base` with all of `loras`, whose order does not matter; null when none has any strength.
  // `log` (may be empty) is told the keys that fit no layer. Throws InvalidInput that names the
  // file where it cannot be used.
  std::shared_ptr<const Components> get(const Components& base,
                                        const std::vector<WeightOverlay>& loras,
                                        const std::function<void(const std::string&)>& log);

 private:
  using Key = std::vector<std::pair<std::string, double>>;  // digest and scale, sorted
  struct Variant {
    Key key;
    std::shared_ptr<const Components> parts;
    std::int64_t bytes = 0;
    std::vector<std::string> notes;
  };
  struct KnownFile {
    std::uintmax_t bytes;
    std::filesystem::file_time_type written;
    std::string digest;
  };

  std::string digest_of(const WeightOverlay& lora);
  std::shared_ptr<const Variant> find(const Key& key);
  void keep(std::shared_ptr<const Variant> variant);

  const std::int64_t budget_bytes_;
  std::mutex mutex_;
  std::map<std::filesystem::path, KnownFile> files_;
  std::list<std::shared_ptr<const Variant>> kept_;  // the last used one first
  std::int64_t kept_bytes_ = 0;
};

}  // namespace dream::engine
