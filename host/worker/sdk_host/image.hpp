// dream.image/1's picture: pixels with a count of their owners.
#pragma once

#include <dream/abi/image.h>

#include <atomic>
#include <cstdint>

#include "sdk/engine/image/picture.hpp"

struct dream_image {
  dream::engine::Picture picture;
  std::atomic<std::uint32_t> references{1};
};

namespace dream::worker {

// With one reference, which the caller owns.
dream_image* make_image(engine::Picture picture);

// Throws SdkError (DREAM_INVALID_INPUT) for a picture of no or over 64 million pixels.
void check_image_size(std::uint64_t width, std::uint64_t height);

}  // namespace dream::worker
