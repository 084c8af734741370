// Arbitrary bytes as a zip archive (output.zip, a file of torch.save): each entry is a view into
// the file or a buffer of the size that was announced and bounded. An input that is no zip is taken
// for a deflate stream, two bytes of its plain size before it. Piece by piece comes the same as at
// once.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "weights/formats/inflate.hpp"
#include "weights/formats/zip_archive.hpp"
#include "weights/tensor_view.hpp"

namespace {

using namespace dream::weights;

void inflate_all(std::span<const std::byte> data) {
  if (data.size() < 2) return;
  const auto plain = static_cast<std::size_t>(data[0]) | static_cast<std::size_t>(data[1]) << 8;
  std::vector<std::byte> whole, pieces;
  try {
    whole = inflate(data.subspan(2), plain);
    if (whole.size() != plain) std::abort();
  } catch (const InflateError&) {
    whole.clear();
  }
  try {
    inflate(data.subspan(2), plain, [&](std::span<const std::byte> piece) {
      pieces.insert(pieces.end(), piece.begin(), piece.end());
    });
  } catch (const InflateError&) {
    pieces.clear();
  }
  if (whole != pieces) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const FileBytes bytes{std::as_bytes(std::span(data, size)), nullptr, "input"};
  if (size < 2 || data[0] != 'P' || data[1] != 'K') {
    inflate_all(bytes.data);
    return 0;
  }
  try {
    const ZipArchive archive = ZipArchive::open(bytes);
    for (const auto& [name, entry] : archive.entries()) {
      try {
        const FileBytes content = archive.read(name);
        if (content.data.size() != entry.plain_bytes) std::abort();
      } catch (const Error&) {
      }
    }
  } catch (const Error&) {
  }
  return 0;
}
