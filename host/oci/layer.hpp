// Layers of an image: tar archives that depend on nothing but the files in them. Entries are in
// order, with their folders, of time 0, owner 0:0 and mode 0644 or 0755; long names and sizes in
// pax headers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "host/oci/control.hpp"
#include "host/oci/digest.hpp"

namespace dream::host::oci {

enum class Compression { none, gzip, zstd };

struct LayerFile {
  std::string path;  // "src/weights/unet/config.json": as WeightTree has them
  std::uint64_t bytes = 0;
  std::function<void(const Take&)> read;  // gives exactly `bytes`
};

struct Layer {
  Digest digest = Digest::of("");   // of what was written
  Digest diff_id = Digest::of("");  // of the tar, uncompressed
  std::uint64_t bytes = 0;          // that were written
  Compression compression = Compression::none;
};

// Writes the layer to `out` piece by piece. The bytes of a compressed one are the same for one
// version of zlib or libzstd; those of a plain tar always. Throws Error, what `read` and `out`
// throw, and Canceled.
Layer write_layer(std::vector<LayerFile> files, Compression compression, const Take& out,
                  const Control& control, const std::string& step);

}  // namespace dream::host::oci
