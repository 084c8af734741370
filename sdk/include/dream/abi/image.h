/* dream.image/1: pictures as the host sees them: 8-bit, height x width x channels, RGB order. */
#ifndef DREAM_ABI_IMAGE_H
#define DREAM_ABI_IMAGE_H

#include "run.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DREAM_IMAGE_1 "dream.image/1"

typedef struct dream_image dream_image; /* opaque, reference counted, immutable once shared */

/* Pixels of a picture: rows of `stride` bytes, `channels` (1 grey, 3 RGB, 4 RGBA) bytes a pixel. */
typedef struct dream_pixels {
  uint32_t struct_size;
  uint32_t channels;
  uint32_t width;  /* pixels */
  uint32_t height; /* pixels */
  uint64_t stride; /* bytes */
  uint8_t* data;
} dream_pixels;

typedef enum dream_filter { /* names and results are Pillow's */
  DREAM_FILTER_NEAREST = 0,
  DREAM_FILTER_BILINEAR = 1,
  DREAM_FILTER_BICUBIC = 2,
  DREAM_FILTER_LANCZOS = 3
} dream_filter;

typedef struct dream_image_1 {
  uint32_t struct_size;
  uint32_t reserved;

  /* A new black picture (alpha 255), at most 64 Mpx. The caller owns a reference. [any thread] */
  dream_status* (*create)(const dream_host* host, uint32_t width, uint32_t height,
                          uint32_t channels, dream_image** image);

  /* Reads a PNG, JPEG, WebP, BMP or TIFF file: turned upright by its EXIF orientation, 16-bit and
   * palette pictures converted to 8-bit, grey kept as 1 channel, alpha kept as 4. GIF (first frame)
   * where the host's codecs know it. DREAM_INVALID_INPUT if it is no picture that can be read, has
   * over 64 Mpx or 256 MB. [any thread] */
  dream_status* (*decode)(const dream_host* host, dream_str path, dream_image** image);

  /* Writes a file. format: "png", "jpg" or "webp"; quality 1 to 100 (jpg, webp). [any thread] */
  dream_status* (*encode)(const dream_image* image, dream_str path, dream_str format,
                          uint32_t quality);

  /* A new picture of this size. [any thread] */
  dream_status* (*resize)(const dream_image* image, uint32_t width, uint32_t height,
                          uint32_t filter, dream_image** resized);

  /* A new picture with 1, 3 or 4 channels: alpha is composited on white when dropped, grey is ITU-R
   * 601 luma. [any thread] */
  dream_status* (*convert)(const dream_image* image, uint32_t channels, dream_image** converted);

  /* The pixels, valid as long as the caller's reference. May be written to only while nobody else
   * has a reference. The caller sets pixels->struct_size. [any thread] */
  dream_status* (*pixels)(dream_image* image, dream_pixels* pixels);

  void (*retain)(dream_image* image);  /* one more reference [any thread] */
  void (*release)(dream_image* image); /* one less; null is allowed [any thread] */
} dream_image_1;

#ifdef __cplusplus
}
#endif
#endif
