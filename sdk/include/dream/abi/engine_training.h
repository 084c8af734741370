/* dream.engine.training/1, since 1.3: fine-tuning of Stable Diffusion on the user's pictures, from
 * the run's inputs to one output file. */
#ifndef DREAM_ABI_ENGINE_TRAINING_H
#define DREAM_ABI_ENGINE_TRAINING_H

#include "run.h"
#include "schema.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DREAM_ENGINE_TRAINING_1 "dream.engine.training/1"

typedef struct dream_trainer dream_trainer; /* opaque */

typedef struct dream_engine_training_1 {
  uint32_t struct_size;
  uint32_t reserved;

  /* Loads the engine; the weights are read by each training, from where the server or the user has
   * them. DREAM_UNSUPPORTED without an engine. *trainer is freed by close(). [thread of create] */
  dream_status* (*open)(dream_setup* setup, dream_trainer** trainer);

  /* Null is allowed. [thread of destroy] */
  void (*close)(dream_trainer* trainer);

  /* Trains what the run's training inputs ask for (schema add_training_inputs, whose kind it
   * follows): checks the data before it begins, reports progress, logs, metrics and samples, and
   * emits one file, output.zip. When canceled it stops at the next step with DREAM_CANCELED and
   * keeps a checkpoint, from which the same inputs go on. [any thread, one training at a time] */
  dream_status* (*train)(dream_trainer* trainer, dream_run* run);
} dream_engine_training_1;

#ifdef __cplusplus
}
#endif
#endif
