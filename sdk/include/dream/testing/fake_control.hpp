// How the fake engine follows a control map: the brighter its pixel, the further the latent beneath
// is drawn upwards, so that a picture shows its maps and their scales.
#pragma once

#include <dream/abi/engine_diffusion.h>

#include <dream/testing/fake_image.hpp>
#include <dream/testing/state.hpp>
#include <string>
#include <vector>

namespace dream::testing {

struct FakeControl {
  GeneratedControl seen;
  std::vector<uint8_t> grey;  // seen.width x seen.height

  // target: what latents [1, C, rows, columns] drift towards.
  void lead(std::vector<float>& target, std::size_t rows, std::size_t columns,
            double users_scale) const {
    const auto scale = static_cast<float>(seen.scale.value_or(users_scale));
    for (std::size_t i = 0; i < target.size(); ++i) {
      const std::size_t x = i % columns * seen.width / columns;
      const std::size_t y = i / columns % rows * seen.height / rows;
      target[i] += scale * static_cast<float>(grey[y * seen.width + x]) / 255;
    }
  }
};

// The controls of a generate(). Throws InvalidInput for one without a network or a map.
inline std::vector<FakeControl> read_controls(const dream_overrides* overrides) {
  std::vector<FakeControl> controls;
  if (overrides == nullptr || overrides->struct_size < sizeof(dream_overrides)) return controls;
  for (std::size_t i = 0; i < overrides->control_count; ++i) {
    const dream_control& given = *overrides->controls[i];
    if (given.network.size == 0) throw InvalidInput("a control without a network");
    if (given.image == nullptr) throw InvalidInput("a control without a map");
    const auto set = [&](uint32_t flag, double value) {
      return (given.flags & flag) != 0 ? std::optional<double>(value) : std::nullopt;
    };
    FakeControl control{{std::string(dream::detail::view(given.network)), given.image->width,
                         given.image->height, set(DREAM_CONTROL_HAS_SCALE, given.scale),
                         set(DREAM_CONTROL_HAS_GUIDANCE_START, given.guidance_start),
                         set(DREAM_CONTROL_HAS_GUIDANCE_END, given.guidance_end),
                         (given.flags & DREAM_CONTROL_MASKED) != 0},
                        {}};
    dream_image* grey = nullptr;
    pass_on(ImageFunctions::convert(given.image, 1, &grey));
    control.grey = grey->data;
    ImageFunctions::release(grey);
    controls.push_back(std::move(control));
  }
  return controls;
}

}  // namespace dream::testing
