// Small files for the file inputs of a template under check: a sound picture and several that are
// not.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dream::host::check {

// An 8-bit RGB PNG of `width` × `height` pixels with a colour gradient and a dark square, so that
// edge and depth detectors find something. Sizes from 1 to 4096.
std::string png_picture(unsigned width, unsigned height);

struct SampleFiles {
  std::filesystem::path picture;               // what a sensible client sends
  std::vector<std::filesystem::path> unusual;  // one pixel, cut off, empty, text, noise
  std::filesystem::path archive = {};          // the picture in a zip, for trainers
};

// Writes them into `folder`. Throws std::runtime_error if it cannot.
SampleFiles write_sample_files(const std::filesystem::path& folder);

}  // namespace dream::host::check
