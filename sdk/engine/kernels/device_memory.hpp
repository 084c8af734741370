// How full the memory of a device is, for those who watch a server.
#pragma once

#include <c10/core/Device.h>

#include <optional>

#include "sdk/engine/engine.hpp"

namespace dream::engine {

// Nothing for a CPU, in a build without DREAM_CUDA, and where the driver does not tell.
std::optional<DeviceMemory> device_memory(const c10::Device& device);

}  // namespace dream::engine
