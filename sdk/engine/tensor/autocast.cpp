#include "sdk/engine/tensor/autocast.hpp"

#include <ATen/autocast_mode.h>
#include <fmt/format.h>

#include "sdk/engine/engine.hpp"

namespace dream::engine {

std::optional<c10::ScalarType> autocast_type(const std::string& mixed_precision,
                                             c10::Device device) {
  if (mixed_precision == "no") return std::nullopt;
  if (mixed_precision == "auto")
    return device.is_cuda() ? std::optional(c10::ScalarType::Half) : std::nullopt;
  if (mixed_precision == "bf16") return c10::ScalarType::BFloat16;
  if (device.is_cuda()) return c10::ScalarType::Half;
  throw InvalidInput("mixed_precision is \"fp16\", which needs a CUDA device: use no or bf16");
}

Autocast::Autocast(std::optional<c10::ScalarType> dtype, c10::Device device)
    : on_(dtype.has_value()), device_(device.type()) {
  if (!on_) return;
  before_ = at::autocast::is_autocast_enabled(device_);
  type_before_ = at::autocast::get_autocast_dtype(device_);
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, *dtype);
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (!on_) return;
  // Weights are kept in the lower precision as long as they do not change: until here.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, before_);
  at::autocast::set_autocast_dtype(device_, type_before_);
}

}  // namespace dream::engine
