/* dream.engine.diffusion/1: Stable Diffusion with the weights this host serves. */
#ifndef DREAM_ABI_ENGINE_DIFFUSION_H
#define DREAM_ABI_ENGINE_DIFFUSION_H

#include "run.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DREAM_ENGINE_DIFFUSION_1 "dream.engine.diffusion/1"

typedef struct dream_diffusion dream_diffusion; /* opaque: one engine with its weights */

/* What a template sets in place of the user's diffusion inputs. */
typedef struct dream_overrides {
  uint32_t struct_size;
  uint32_t reserved;
  const dream_str* prompt;          /* null: the user's */
  const dream_str* negative_prompt; /* null: the user's */
} dream_overrides;

typedef struct dream_engine_diffusion_1 {
  uint32_t struct_size;
  uint32_t reserved;

  /* Loads the engine and this server's weights. Succeeds without weights too: the host is then a
   * template without weights, and generate() fails saying so. *engine is freed by close().
   * [thread of create] */
  dream_status* (*open)(dream_setup* setup, dream_diffusion** engine);

  /* [thread of destroy] */
  void (*close)(dream_diffusion* engine);

  /* Draws what the run's diffusion inputs ask for (schema add_diffusion_inputs): emits one picture
   * file per output, reports progress, stops at the next denoise step when canceled, records
   * metrics. overrides may be null. [any thread] */
  dream_status* (*generate)(dream_diffusion* engine, dream_run* run,
                            const dream_overrides* overrides);
} dream_engine_diffusion_1;

#ifdef __cplusplus
}
#endif
#endif
