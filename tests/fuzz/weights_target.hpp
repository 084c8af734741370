// What both weight file targets do with bytes: read them, then touch all that the result promises.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "weights/detect_kind.hpp"
#include "weights/formats/text.hpp"
#include "weights/formats/weight_file.hpp"

namespace dream::fuzz {

// Aborts when a reader returns a tensor that breaks a promise of TensorView.
template <typename Read>
void run_reader(const std::uint8_t* data, std::size_t size, Read read) {
  const weights::FileBytes bytes{std::as_bytes(std::span(data, size)), nullptr, "input"};
  weights::WeightFile file;
  try {
    file = read(bytes);
  } catch (const weights::Error&) {
    return;
  }
  unsigned sum = 0;
  for (const auto& [name, tensor] : file.tensors) {
    if (!weights::is_utf8(name)) std::abort();
    const auto expected = weights::byte_size(weights::size_in_bytes(tensor.dtype), tensor.shape);
    if (!expected || *expected != tensor.bytes.size()) std::abort();
    if (tensor.bytes.empty()) continue;
    sum += static_cast<unsigned>(tensor.bytes.front()) + static_cast<unsigned>(tensor.bytes.back());
  }
  for (const std::string& note : file.notes) {
    if (!weights::is_utf8(note)) std::abort();
  }
  static volatile unsigned sink;
  sink = sum;
  (void)sink;
  weights::detect_kind(file.tensors);
}

}  // namespace dream::fuzz
