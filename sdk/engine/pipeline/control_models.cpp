#include "sdk/engine/pipeline/control_models.hpp"

#include <stdexcept>

namespace dream::engine {

std::shared_ptr<const ControlModel> load_control_model(const std::filesystem::path& path,
                                                       const Compute&, const Warn&) {
  throw std::runtime_error(path.string() + ": this build reads no control networks");
}

}  // namespace dream::engine
