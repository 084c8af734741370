// Arbitrary bytes as a safetensors file.
#include "tests/fuzz/weights_target.hpp"
#include "weights/formats/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  dream::fuzz::run_reader(data, size, dream::weights::read_safetensors);
  return 0;
}
