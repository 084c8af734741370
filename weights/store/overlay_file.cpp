#include "weights/store/overlay_file.hpp"

#include <utility>

#include "weights/formats/weight_file.hpp"

namespace dream::weights {

OverlayFile read_overlay_file(const std::filesystem::path& path) {
  auto file = read_weight_file(path);
  return {std::move(file.tensors), std::move(file.metadata), std::move(file.texts)};
}

}  // namespace dream::weights
