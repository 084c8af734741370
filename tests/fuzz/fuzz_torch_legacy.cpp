// Arbitrary bytes as a file of torch.save from before PyTorch 1.6. An input without the magic
// number is taken for what follows the first three pickles, so that the fuzzer starts at the
// object.
#include <string>

#include "tests/fuzz/weights_target.hpp"
#include "weights/formats/torch_legacy.hpp"

namespace {

using std::string_view_literals::operator""sv;

constexpr auto head = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
                      "\x80\x02M\xe9\x03."
                      "\x80\x02}."sv;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (dream::weights::looks_like_torch_legacy(std::as_bytes(std::span(data, size)))) {
    dream::fuzz::run_reader(data, size, dream::weights::read_torch_legacy);
    return 0;
  }
  std::string file(head);
  file.append(reinterpret_cast<const char*>(data), size);
  dream::fuzz::run_reader(reinterpret_cast<const std::uint8_t*>(file.data()), file.size(),
                          dream::weights::read_torch_legacy);
  return 0;
}
