/* dream.run/1, dream.log/1, dream.metric/1: what a template may do during a prediction. */
#ifndef DREAM_ABI_RUN_H
#define DREAM_ABI_RUN_H

#include "template.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DREAM_RUN_1 "dream.run/1"

typedef struct dream_run_1 {
  uint32_t struct_size;
  uint32_t reserved;

  /* The value of a declared input: validated, defaults filled in. *value is null if it was absent
   * or null. Owned by the run, valid until run() returns. Fails on a name that was not declared.
   * [any thread] */
  dream_status* (*input)(dream_run* run, dream_str name, const dream_value** value);

  /* Publishes one output value (copied). Fails with DREAM_INVALID_INPUT if its type is not the
   * declared one, or on a second value of a `single` output. [any thread] */
  dream_status* (*emit)(dream_run* run, const dream_value* value);

  /* Publishes a file under `name` (no folders). The host takes the file over: it is moved or copied
   * before the call returns. Fails if it cannot be read. [any thread] */
  dream_status* (*emit_file)(dream_run* run, dream_str path, dream_str name);

  /* DREAM_CANCELED once the prediction was canceled, else null. Cheap; call it every step.
   * [any thread] */
  dream_status* (*checkpoint)(dream_run* run);

  /* Work done so far, for progress bars and logs. label may be empty. [any thread] */
  void (*progress)(dream_run* run, uint64_t step, uint64_t steps, dream_str label);

  /* An empty folder of this run, removed after it. Valid until run() returns. [any thread] */
  dream_str (*temp_folder)(dream_run* run);

  /* The prediction's id, for messages. Valid until run() returns. [any thread] */
  dream_str (*id)(dream_run* run);

  /* Since 1.2. What the sender of the request said beside its inputs (Cog's `context`): the text of
   * this name; data is null if there is none. Valid until run() returns. [any thread] */
  dream_str (*context)(dream_run* run, dream_str name);
} dream_run_1;

#define DREAM_LOG_1 "dream.log/1"

typedef enum dream_log_level {
  DREAM_LOG_DEBUG = 0,
  DREAM_LOG_INFO = 1,
  DREAM_LOG_WARNING = 2,
  DREAM_LOG_ERROR = 3
} dream_log_level;

typedef struct dream_log_1 {
  uint32_t struct_size;
  uint32_t reserved;
  /* One message, without a final newline. run null: the server's log. [any thread] */
  void (*log)(const dream_host* host, dream_run* run, uint32_t level, dream_str message);
} dream_log_1;

#define DREAM_METRIC_1 "dream.metric/1"

typedef enum dream_metric_mode {
  DREAM_METRIC_REPLACE = 0,
  DREAM_METRIC_INCREMENT = 1,
  DREAM_METRIC_APPEND = 2
} dream_metric_mode;

typedef struct dream_metric_1 {
  uint32_t struct_size;
  uint32_t reserved;
  /* Records a metric of this prediction under Cog's naming rules (dotted names nest, at most four
   * segments, "predict_time" and "cog.*" reserved); a DREAM_NULL value deletes it.
   * Fails with DREAM_INVALID_INPUT that says which rule was broken. [any thread] */
  dream_status* (*record)(dream_run* run, dream_str name, const dream_value* value, uint32_t mode);
} dream_metric_1;

#ifdef __cplusplus
}
#endif
#endif
