#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>

#include "sdk/engine/pipeline/plan.hpp"

namespace dream::engine {
namespace {

constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

std::int64_t number_in(const char* file) {
  std::ifstream stream(file);
  std::int64_t number = 0;
  return stream >> number ? number : unlimited;  // "max", or no such file
}

std::int64_t free_memory_of_machine() {
  std::ifstream meminfo("/proc/meminfo");
  for (std::string key; meminfo >> key;) {
    std::int64_t kibibytes = 0;
    if (key == "MemAvailable:" && meminfo >> kibibytes) return kibibytes * 1024;
    meminfo.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

// What this process may still take: of the machine, and of its container (cgroup v2).
std::int64_t free_memory_bytes() {
  const auto limit = number_in("/sys/fs/cgroup/memory.max");
  const auto used = number_in("/sys/fs/cgroup/memory.current");
  const auto of_container = limit == unlimited || used == unlimited ? unlimited : limit - used;
  return std::min(free_memory_of_machine(), of_container);
}

// The UNet's feature maps of one picture at their peak, in the finest block: skip connections,
// the transformer's widened rows (8 x channels) and a convolution's scratch. Of the order
// of what SD 1.5 takes.
std::int64_t unet_bytes(const Components& parts, const Plan& plan) {
  constexpr std::int64_t maps = 40;
  const auto scale = parts.vae.config().scale();
  const auto tokens = (plan.height / scale) * (plan.width / scale);
  const auto halves = plan.guided ? 2 : 1;
  const auto& finest = parts.unet.config().down_blocks.front();
  return tokens * finest.out_channels * maps * halves *
         static_cast<std::int64_t>(c10::elementSize(parts.compute.dtype));
}

// A processor gains from a batch while its calls are small: two to three times at 64 x 64 pixels
// of the bundled model, nothing at 512 x 512 of SD 1.5, where the first picture would come later.
constexpr std::int64_t most_useful_bytes_on_cpu = 256 << 20;

}  // namespace

int pictures_at_once(const Components& parts, const Plan& plan) {
  if (plan.pictures == 1) return 1;
  const auto each = unet_bytes(parts, plan);
  const auto fitting = [&](std::int64_t bytes) {
    return static_cast<int>(std::clamp<std::int64_t>(bytes / each, 1, plan.pictures));
  };
  const bool cpu = parts.compute.device.is_cpu();
  const int useful = cpu ? fitting(most_useful_bytes_on_cpu) : plan.pictures;
  if (useful == 1) return 1;  // whatever is free
  // Half of what is free: other requests and the decoder need memory too.
  return std::min(useful, fitting(free_memory_bytes() / 2));
}

}  // namespace dream::engine
