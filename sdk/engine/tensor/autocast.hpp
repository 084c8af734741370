// Which precision the forward pass of a training has.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <optional>
#include <string>

namespace dream::engine {

// For TrainRequest::mixed_precision; nullopt: fp32 throughout. Throws InvalidInput for one that the
// device does not compute.
std::optional<c10::ScalarType> autocast_type(const std::string& mixed_precision,
                                             c10::Device device);

// While one lives, libtorch's operators on the device compute in `dtype` where its autocast lets
// them; gradients and weights stay in fp32.
class Autocast {
 public:
  Autocast(std::optional<c10::ScalarType> dtype, c10::Device device);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
  c10::DeviceType device_;
  bool before_ = false;
  c10::ScalarType type_before_ = c10::ScalarType::Undefined;
};

}  // namespace dream::engine
