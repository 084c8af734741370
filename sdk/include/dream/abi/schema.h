/* dream.schema/1: how a template declares its inputs and output, inside describe(). */
#ifndef DREAM_ABI_SCHEMA_H
#define DREAM_ABI_SCHEMA_H

#include "template.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DREAM_SCHEMA_1 "dream.schema/1"

enum {
  DREAM_INPUT_LIST = 1 << 0,       /* the value is a list of `type` */
  DREAM_INPUT_NULLABLE = 1 << 1,   /* may be absent or null */
  DREAM_INPUT_DEPRECATED = 1 << 2,
  DREAM_INPUT_HAS_GE = 1 << 3,
  DREAM_INPUT_HAS_LE = 1 << 4,
  DREAM_INPUT_HAS_MIN_LENGTH = 1 << 5,
  DREAM_INPUT_HAS_MAX_LENGTH = 1 << 6
};

typedef struct dream_input {
  uint32_t struct_size;
  uint32_t type;         /* dream_type: string, integer, number, boolean, file, secret or json */
  uint32_t flags;        /* DREAM_INPUT_… */
  uint32_t any_of;       /* 0, or bit (1 << dream_type) for each type of a union; `type` is then the
                            first of them */
  dream_str name;        /* [a-z_][a-z0-9_]*, unique */
  dream_str description; /* for users; must not be empty */
  const dream_value* default_value; /* null: none (required unless nullable) */
  double ge;
  double le;
  uint64_t min_length; /* characters */
  uint64_t max_length;
  dream_str regex; /* RE2 syntax, searched, not anchored; empty: none */
  const dream_value* const* choices;
  size_t choice_count; /* 0: any value */
} dream_input;

typedef enum dream_output_kind {
  DREAM_SINGLE = 0,
  DREAM_OUTPUT_LIST = 1,
  DREAM_ITERATOR = 2,   /* items are published as they are emitted */
  DREAM_CONCATENATE = 3 /* strings that a client joins */
} dream_output_kind;

/* Since 1.1: how a picture leads what a template draws. */
enum {
  DREAM_CONTROL_MASKED = 1 << 0, /* the network is made for inpainting: what the mask repaints is
                                    hidden from it */
  DREAM_CONTROL_HAS_SCALE = 1 << 1,
  DREAM_CONTROL_HAS_GUIDANCE_START = 1 << 2,
  DREAM_CONTROL_HAS_GUIDANCE_END = 1 << 3
};

/* Since 1.1: the network behind the input control_image, and how its control map is made. */
typedef struct dream_control_source {
  uint32_t struct_size;
  uint32_t flags;      /* 0 or DREAM_CONTROL_MASKED */
  dream_str network;   /* a ControlNet or T2I-Adapter by its name in the model store */
  dream_str annotator; /* a name of dream.annotator/1; empty: the picture is the control map */
} dream_control_source;

/* Since 1.3: what a trainer makes of a model. */
typedef enum dream_training_kind {
  DREAM_TRAIN_MODEL = 0, /* all weights are trained: the output is a whole model */
  DREAM_TRAIN_LORA = 1   /* low-rank matrices that are laid over the model */
} dream_training_kind;

typedef struct dream_schema_1 {
  uint32_t struct_size;
  uint32_t reserved;

  /* Adds one input; call order is the order users see. Copies everything. Fails with
   * DREAM_INVALID_INPUT on a contradiction (default out of limits, duplicate name, …).
   * [thread of describe] */
  dream_status* (*add_input)(dream_schema* schema, const dream_input* input);

  /* Adds the inputs every diffusion template shares (prompt, width, …, seed) as this host knows
   * them; dream.engine.diffusion/1 reads them itself. [thread of describe] */
  dream_status* (*add_diffusion_inputs)(dream_schema* schema);

  /* Output type (dream_type) and kind (dream_output_kind). Default: one string.
   * [thread of describe] */
  dream_status* (*set_output)(dream_schema* schema, uint32_t type, uint32_t kind);

  /* How many runs may go on at once; default 1. [thread of describe] */
  dream_status* (*set_max_concurrency)(dream_schema* schema, uint32_t runs);

  /* Since 1.1. In place of add_diffusion_inputs(): its inputs, and among them those of a template
   * that a picture leads (control_image, the annotator's options, return_processed_control, …);
   * dream.engine.diffusion/1 reads them itself. Copies everything. DREAM_INVALID_INPUT names an
   * annotator that does not exist. [thread of describe] */
  dream_status* (*add_control_inputs)(dream_schema* schema, const dream_control_source* source);

  /* Since 1.3. Adds the inputs every trainer of this kind (dream_training_kind) shares
   * (instance_prompt, instance_data, learning_rate …) as this host knows them, and sets the output:
   * one file. dream.engine.training/1 reads them itself. DREAM_INVALID_INPUT for an unknown kind.
   * [thread of describe] */
  dream_status* (*add_training_inputs)(dream_schema* schema, uint32_t kind);
} dream_schema_1;

#ifdef __cplusplus
}
#endif
#endif
