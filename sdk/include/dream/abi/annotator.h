/* dream.annotator/1: pictures to control maps (edges, depth, pose …). */
#ifndef DREAM_ABI_ANNOTATOR_H
#define DREAM_ABI_ANNOTATOR_H

#include "image.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DREAM_ANNOTATOR_1 "dream.annotator/1"

typedef struct dream_annotator dream_annotator; /* opaque */

typedef struct dream_annotator_1 {
  uint32_t struct_size;
  uint32_t reserved;

  /* The names this host knows, NUL-terminated, ended by a null pointer. Owned by the host, valid
   * for the life of the process. [any thread] */
  const char* const* (*names)(const dream_host* host);

  /* Opens an annotator by name, e.g. "canny". Weights it needs are loaded at its first use.
   * DREAM_UNSUPPORTED names those that exist. Freed by close(). [thread of create] */
  dream_status* (*open)(dream_setup* setup, dream_str name, dream_annotator** annotator);
  void (*close)(dream_annotator* annotator); /* null is allowed [thread of destroy] */

  /* The control map of a picture: 3 channels, same size. `settings` is a JSON object of the
   * annotator's own options, e.g. {"low_threshold": 100, "high_threshold": 200}, or empty; an
   * unknown or bad option is DREAM_INVALID_INPUT. The caller owns *map. [any thread] */
  dream_status* (*annotate)(dream_annotator* annotator, dream_run* run, const dream_image* image,
                            dream_str settings, dream_image** map);
} dream_annotator_1;

#ifdef __cplusplus
}
#endif
#endif
