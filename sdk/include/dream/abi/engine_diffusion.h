/* dream.engine.diffusion/1: Stable Diffusion with the weights this host serves: whole pictures from
 * the user's inputs, or the parts of the pipeline one by one. */
#ifndef DREAM_ABI_ENGINE_DIFFUSION_H
#define DREAM_ABI_ENGINE_DIFFUSION_H

#include "image.h"
#include "schema.h"
#include "tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DREAM_ENGINE_DIFFUSION_1 "dream.engine.diffusion/1"

typedef struct dream_diffusion dream_diffusion; /* opaque: one engine with its weights */

/* Since 1.1: a control map of the template's own, and the network that follows it. */
typedef struct dream_control {
  uint32_t struct_size;
  uint32_t flags;           /* DREAM_CONTROL_… */
  dream_str network;        /* a ControlNet or T2I-Adapter by its name in the model store */
  const dream_image* image; /* the control map; fitted to the output by resize_mode */
  /* Without their flags: the user's conditioning_scale, control_guidance_start and _end where the
   * run has them, else 1, 0 and 1. */
  double scale;
  double guidance_start; /* share of the steps after which it begins, 0 to 1 */
  double guidance_end;   /* … and ends; not before guidance_start */
} dream_control;

/* What a template sets in place of the user's diffusion inputs, and where it looks in. */
typedef struct dream_overrides {
  uint32_t struct_size;
  uint32_t reserved;
  const dream_str* prompt;          /* null: the user's */
  const dream_str* negative_prompt; /* null: the user's */

  /* Called after each denoise step with the latents [1, C, H/f, W/f] (f: the VAE factor), fp32,
   * CPU, owned by the host and valid for the call: they may be changed in place. A status ends the
   * prediction with it. Null: not called. [thread of generate] */
  dream_status* (*on_latents)(void* user, uint64_t step, uint64_t steps, dream_dl_tensor* latents);
  void* user;

  /* Since 1.1. Not empty: these lead, in place of the user's control_image; the user's
   * extra_controls stay. Read during the call only. */
  const dream_control* const* controls;
  size_t control_count;
} dream_overrides;

typedef struct dream_diffusion_info {
  uint32_t struct_size; /* set by the caller */
  uint32_t has_weights; /* 0: a template without weights; the rest is then 0 */
  uint32_t native_size; /* pixels per side */
  uint32_t vae_factor;  /* pixels per latent */
  uint32_t latent_channels;
  uint32_t text_tokens; /* tokens of one context window */
  uint32_t text_width;  /* width of a text embedding */
  uint32_t reserved;
} dream_diffusion_info;

typedef struct dream_denoise dream_denoise; /* opaque: a denoise loop of one picture */

typedef struct dream_denoise_request {
  uint32_t struct_size;
  uint32_t steps;
  dream_str scheduler;                    /* empty: DPMSolverMultistep */
  double guidance_scale;                  /* <= 1: no negative prompt */
  uint64_t seed;                          /* of the starting noise and of what steps draw */
  const dream_dl_tensor* prompt;          /* encode_prompt(): [1, tokens, width] */
  const dream_dl_tensor* negative_prompt; /* null without guidance */
  const dream_dl_tensor* latents;         /* unscaled N(0,1) to start from; null: drawn from seed */
  uint32_t width;                         /* pixels; used when latents is null; 0: native */
  uint32_t height;
} dream_denoise_request;

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

  /* What the weights are. The caller sets info->struct_size. [any thread] */
  dream_status* (*info)(dream_diffusion* engine, dream_diffusion_info* info);

  /* Names of the schedulers, NUL-terminated, ended by a null pointer; owned by the host.
   * [any thread] */
  const char* const* (*schedulers)(const dream_host* host);

  /* Text embedding [1, tokens, width], fp32, CPU. The caller owns *embedding. [any thread] */
  dream_status* (*encode_prompt)(dream_diffusion* engine, dream_str prompt, uint32_t clip_skip,
                                 dream_dl_managed_tensor** embedding);

  /* A picture (3 channels, sides multiples of the VAE factor) to scaled latents [1, C, H/f, W/f],
   * fp32, CPU; `seed` draws the posterior sample. The caller owns *latents. [any thread] */
  dream_status* (*encode_image)(dream_diffusion* engine, const dream_image* image, uint64_t seed,
                                dream_dl_managed_tensor** latents);

  /* Scaled latents to a picture of 3 channels. The caller owns *image. [any thread] */
  dream_status* (*decode_latents)(dream_diffusion* engine, const dream_dl_tensor* latents,
                                  dream_image** image);

  /* Starts a denoise loop, freed by denoise_end(). The request's tensors are copied.
   * [any thread] */
  dream_status* (*denoise_begin)(dream_diffusion* engine, const dream_denoise_request* request,
                                 dream_denoise** loop);

  /* One step; *remaining receives how many are left. Fails after the last.
   * [thread of the loop] */
  dream_status* (*denoise_step)(dream_denoise* loop, uint32_t* remaining);

  /* The current latents, fp32, CPU: owned by the loop, valid until its next call, and may be
   * changed in place. [thread of the loop] */
  dream_status* (*denoise_latents)(dream_denoise* loop, dream_dl_tensor* latents);

  void (*denoise_end)(dream_denoise* loop); /* null is allowed [thread of the loop] */
} dream_engine_diffusion_1;

#ifdef __cplusplus
}
#endif
#endif
