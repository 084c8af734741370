/* The one thing a template exports:
 *
 *     const dream_template* dream_template_entry(void);
 *
 * The shared library also carries the ELF note ".note.dream.abi" (owner "DREAM", type 1), which the
 * host reads before dlopen. Its description is ASCII text of `key=value;` pairs:
 *     sdk=1.0;tier=c;cxx=gcc12;cxx11abi=1;torch=none;
 */
#ifndef DREAM_ABI_TEMPLATE_H
#define DREAM_ABI_TEMPLATE_H

#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DREAM_TEMPLATE_ENTRY "dream_template_entry"
#define DREAM_NOTE_SECTION ".note.dream.abi"
#define DREAM_NOTE_OWNER "DREAM"
#define DREAM_NOTE_TYPE 1

typedef struct dream_schema dream_schema; /* opaque: schema.h */
typedef struct dream_setup dream_setup;   /* opaque: what create() may use to open the engine */
typedef struct dream_run dream_run;       /* opaque: run.h */

typedef struct dream_template {
  uint32_t struct_size;
  uint32_t sdk_major; /* the template was built with */
  uint32_t sdk_minor;
  uint32_t reserved;       /* 0 */
  const char* name;        /* NUL-terminated, [a-z0-9_-]+, e.g. "controlnet-canny" */
  const char* version;     /* NUL-terminated, e.g. "1.0.0" */
  const char* description; /* NUL-terminated, one sentence for users */

  /* Declares inputs and output. Called before create(), maybe more than once, without weights and
   * without the engine. [one thread at a time] */
  dream_status* (*describe)(const dream_host* host, dream_schema* schema);

  /* Set-up: *self receives the template's state. `setup` is valid during the call only.
   * A failure is reported as SETUP_FAILED. [one thread at a time] */
  dream_status* (*create)(const dream_host* host, dream_setup* setup, void** self);

  /* One prediction. `run` is valid during the call only. [any thread; at most as many calls at once
   * as describe() declared] */
  dream_status* (*run)(const dream_host* host, void* self, dream_run* run);

  /* Ends what create() began. [one thread, after the last run] */
  void (*destroy)(const dream_host* host, void* self);

  /* Optional (null): is the template still able to work? A non-null status is the reason why not.
   * [any thread, also during run] */
  dream_status* (*healthcheck)(const dream_host* host, void* self);

  /* Optional, both or neither: training, with inputs and output of its own.
   * [as describe() and run()] */
  dream_status* (*describe_train)(const dream_host* host, dream_schema* schema);
  dream_status* (*train)(const dream_host* host, void* self, dream_run* run);
} dream_template;

typedef const dream_template* (*dream_template_entry_fn)(void);

#ifdef __cplusplus
}
#endif
#endif
