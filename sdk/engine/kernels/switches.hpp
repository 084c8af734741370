// Which of the engine's speed-ups are on: all, unless the environment says otherwise, so that
// tests/bench can measure what each is worth on one build.
#pragma once

#include <string_view>

namespace dream::engine {

// False if `name` is in DREAM_ENGINE_WITHOUT, a list with commas. Names: allocator, geglu,
// graphs, group_norm, packing, qkv, residual, winograd. Read anew at each call.
bool is_on(std::string_view name);

}  // namespace dream::engine
