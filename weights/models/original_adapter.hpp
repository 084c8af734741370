// T2I-Adapters as TencentARC/T2I-Adapter publishes them, to diffusers' names and config. Layouts:
// its ldm/modules/encoders/adapter.py (Adapter, Adapter_light).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "weights/tensor_view.hpp"

namespace dream::weights {

bool is_original_adapter(const WeightMap& tensors);

// The config of diffusers' T2IAdapter, read off names and shapes; `tensors` are renamed. `file` is
// the name in messages. Throws Error that names what lacks.
nlohmann::json convert_original_adapter(WeightMap& tensors, const std::string& file);

}  // namespace dream::weights
