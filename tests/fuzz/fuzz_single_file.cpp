// Arbitrary bytes as a single-file checkpoint: read as the model it stands for, every component of
// it, or refused.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "weights/store/single_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dream::weights;
  const int fd = ::memfd_create("checkpoint", MFD_CLOEXEC);
  if (fd < 0 || ::write(fd, data, size) != static_cast<ssize_t>(size)) std::abort();
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  try {
    if (is_single_file(path)) {
      const auto model = open_single_file(path, {});
      for (const char* component : {"unet", "vae", "text_encoder", "scheduler"}) {
        model->file(std::string(component) + "/config.json");
        const auto weights = model->weights(component);
        if (weights && !model->has_weights(component)) std::abort();
      }
      model->notes();
    }
  } catch (const Error&) {
  }
  ::close(fd);
  return 0;
}
