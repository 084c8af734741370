// The layout that released templates rely on. A failure here means that a change breaks them:
// append to the end of a struct instead, and add its line below.
#include <dream/abi/engine_diffusion.h>
#include <dream/abi/run.h>
#include <dream/abi/schema.h>
#include <gtest/gtest.h>

namespace {

// SDK 1.0
#define AT(type, member, offset) static_assert(offsetof(type, member) == (offset))

AT(dream_str, data, 0);
AT(dream_str, size, 8);
static_assert(sizeof(dream_str) == 16);

AT(dream_value, struct_size, 0);
AT(dream_value, type, 4);
AT(dream_value, as, 8);
AT(dream_value, as.items.size, 16);
static_assert(sizeof(dream_value) == 24);

AT(dream_host, struct_size, 0);
AT(dream_host, sdk_major, 4);
AT(dream_host, sdk_minor, 8);
AT(dream_host, query, 16);
AT(dream_host, status_create, 24);
AT(dream_host, status_code, 32);
AT(dream_host, status_message, 40);
AT(dream_host, status_destroy, 48);

AT(dream_template, struct_size, 0);
AT(dream_template, sdk_major, 4);
AT(dream_template, sdk_minor, 8);
AT(dream_template, name, 16);
AT(dream_template, version, 24);
AT(dream_template, description, 32);
AT(dream_template, describe, 40);
AT(dream_template, create, 48);
AT(dream_template, run, 56);
AT(dream_template, destroy, 64);
AT(dream_template, healthcheck, 72);

AT(dream_input, struct_size, 0);
AT(dream_input, type, 4);
AT(dream_input, flags, 8);
AT(dream_input, any_of, 12);
AT(dream_input, name, 16);
AT(dream_input, description, 32);
AT(dream_input, default_value, 48);
AT(dream_input, ge, 56);
AT(dream_input, le, 64);
AT(dream_input, min_length, 72);
AT(dream_input, max_length, 80);
AT(dream_input, regex, 88);
AT(dream_input, choices, 104);
AT(dream_input, choice_count, 112);

AT(dream_schema_1, add_input, 8);
AT(dream_schema_1, add_diffusion_inputs, 16);
AT(dream_schema_1, set_output, 24);
AT(dream_schema_1, set_max_concurrency, 32);

AT(dream_run_1, input, 8);
AT(dream_run_1, emit, 16);
AT(dream_run_1, emit_file, 24);
AT(dream_run_1, checkpoint, 32);
AT(dream_run_1, progress, 40);
AT(dream_run_1, temp_folder, 48);
AT(dream_run_1, id, 56);

AT(dream_log_1, log, 8);
AT(dream_metric_1, record, 8);

AT(dream_overrides, struct_size, 0);
AT(dream_overrides, prompt, 8);
AT(dream_overrides, negative_prompt, 16);

AT(dream_engine_diffusion_1, open, 8);
AT(dream_engine_diffusion_1, close, 16);
AT(dream_engine_diffusion_1, generate, 24);

// Numbers cross the line too.
static_assert(DREAM_INVALID_INPUT == 1 && DREAM_CANCELED == 2 && DREAM_UNSUPPORTED == 3 &&
              DREAM_INTERNAL == 4);
static_assert(DREAM_NULL == 0 && DREAM_STRING == 1 && DREAM_INTEGER == 2 && DREAM_NUMBER == 3 &&
              DREAM_BOOLEAN == 4 && DREAM_FILE == 5 && DREAM_SECRET == 6 && DREAM_JSON == 7 &&
              DREAM_LIST == 8);
static_assert(DREAM_SINGLE == 0 && DREAM_OUTPUT_LIST == 1 && DREAM_ITERATOR == 2 &&
              DREAM_CONCATENATE == 3);
static_assert(DREAM_INPUT_LIST == 1 && DREAM_INPUT_NULLABLE == 2 && DREAM_INPUT_DEPRECATED == 4 &&
              DREAM_INPUT_HAS_GE == 8 && DREAM_INPUT_HAS_LE == 16 &&
              DREAM_INPUT_HAS_MIN_LENGTH == 32 && DREAM_INPUT_HAS_MAX_LENGTH == 64);

TEST(AbiLayout, IdsAreTheReleasedOnes) {
  EXPECT_STREQ(DREAM_SCHEMA_1, "dream.schema/1");
  EXPECT_STREQ(DREAM_RUN_1, "dream.run/1");
  EXPECT_STREQ(DREAM_LOG_1, "dream.log/1");
  EXPECT_STREQ(DREAM_METRIC_1, "dream.metric/1");
  EXPECT_STREQ(DREAM_ENGINE_DIFFUSION_1, "dream.engine.diffusion/1");
  EXPECT_STREQ(DREAM_TEMPLATE_ENTRY, "dream_template_entry");
  EXPECT_STREQ(DREAM_NOTE_SECTION, ".note.dream.abi");
}

}  // namespace
