// The layout that released templates rely on. A failure here means that a change breaks them:
// append to the end of a struct instead, and add its line below. sdk/abi/*.slots says the same in
// full and is compared with the headers; these lines fail while the change is being compiled.
#include <dream/abi/annotator.h>
#include <dream/abi/engine_diffusion.h>
#include <dream/abi/engine_training.h>
#include <dream/abi/image.h>
#include <dream/abi/run.h>
#include <dream/abi/schema.h>
#include <dream/abi/tensor.h>
#include <gtest/gtest.h>

namespace {

// SDK 1.0
#define AT(type, member, offset) static_assert(offsetof(type, member) == (offset))

AT(dream_annotator_1, struct_size, 0);
AT(dream_annotator_1, reserved, 4);
AT(dream_annotator_1, names, 8);
AT(dream_annotator_1, open, 16);
AT(dream_annotator_1, close, 24);
AT(dream_annotator_1, annotate, 32);

AT(dream_overrides, struct_size, 0);
AT(dream_overrides, reserved, 4);
AT(dream_overrides, prompt, 8);
AT(dream_overrides, negative_prompt, 16);
AT(dream_overrides, on_latents, 24);
AT(dream_overrides, user, 32);

AT(dream_diffusion_info, struct_size, 0);
AT(dream_diffusion_info, has_weights, 4);
AT(dream_diffusion_info, native_size, 8);
AT(dream_diffusion_info, vae_factor, 12);
AT(dream_diffusion_info, latent_channels, 16);
AT(dream_diffusion_info, text_tokens, 20);
AT(dream_diffusion_info, text_width, 24);
AT(dream_diffusion_info, reserved, 28);

AT(dream_denoise_request, struct_size, 0);
AT(dream_denoise_request, steps, 4);
AT(dream_denoise_request, scheduler, 8);
AT(dream_denoise_request, guidance_scale, 24);
AT(dream_denoise_request, seed, 32);
AT(dream_denoise_request, prompt, 40);
AT(dream_denoise_request, negative_prompt, 48);
AT(dream_denoise_request, latents, 56);
AT(dream_denoise_request, width, 64);
AT(dream_denoise_request, height, 68);

AT(dream_engine_diffusion_1, struct_size, 0);
AT(dream_engine_diffusion_1, reserved, 4);
AT(dream_engine_diffusion_1, open, 8);
AT(dream_engine_diffusion_1, close, 16);
AT(dream_engine_diffusion_1, generate, 24);
AT(dream_engine_diffusion_1, info, 32);
AT(dream_engine_diffusion_1, schedulers, 40);
AT(dream_engine_diffusion_1, encode_prompt, 48);
AT(dream_engine_diffusion_1, encode_image, 56);
AT(dream_engine_diffusion_1, decode_latents, 64);
AT(dream_engine_diffusion_1, denoise_begin, 72);
AT(dream_engine_diffusion_1, denoise_step, 80);
AT(dream_engine_diffusion_1, denoise_latents, 88);
AT(dream_engine_diffusion_1, denoise_end, 96);

AT(dream_host, struct_size, 0);
AT(dream_host, sdk_major, 4);
AT(dream_host, sdk_minor, 8);
AT(dream_host, query, 16);
AT(dream_host, status_create, 24);
AT(dream_host, status_code, 32);
AT(dream_host, status_message, 40);
AT(dream_host, status_destroy, 48);

AT(dream_pixels, struct_size, 0);
AT(dream_pixels, channels, 4);
AT(dream_pixels, width, 8);
AT(dream_pixels, height, 12);
AT(dream_pixels, stride, 16);
AT(dream_pixels, data, 24);

AT(dream_image_1, struct_size, 0);
AT(dream_image_1, reserved, 4);
AT(dream_image_1, create, 8);
AT(dream_image_1, decode, 16);
AT(dream_image_1, encode, 24);
AT(dream_image_1, resize, 32);
AT(dream_image_1, convert, 40);
AT(dream_image_1, pixels, 48);
AT(dream_image_1, retain, 56);
AT(dream_image_1, release, 64);

AT(dream_run_1, struct_size, 0);
AT(dream_run_1, reserved, 4);
AT(dream_run_1, input, 8);
AT(dream_run_1, emit, 16);
AT(dream_run_1, emit_file, 24);
AT(dream_run_1, checkpoint, 32);
AT(dream_run_1, progress, 40);
AT(dream_run_1, temp_folder, 48);
AT(dream_run_1, id, 56);

AT(dream_log_1, struct_size, 0);
AT(dream_log_1, reserved, 4);
AT(dream_log_1, log, 8);

AT(dream_metric_1, struct_size, 0);
AT(dream_metric_1, reserved, 4);
AT(dream_metric_1, record, 8);

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

AT(dream_schema_1, struct_size, 0);
AT(dream_schema_1, reserved, 4);
AT(dream_schema_1, add_input, 8);
AT(dream_schema_1, add_diffusion_inputs, 16);
AT(dream_schema_1, set_output, 24);
AT(dream_schema_1, set_max_concurrency, 32);

AT(dream_template, struct_size, 0);
AT(dream_template, sdk_major, 4);
AT(dream_template, sdk_minor, 8);
AT(dream_template, reserved, 12);
AT(dream_template, name, 16);
AT(dream_template, version, 24);
AT(dream_template, description, 32);
AT(dream_template, describe, 40);
AT(dream_template, create, 48);
AT(dream_template, run, 56);
AT(dream_template, destroy, 64);
AT(dream_template, healthcheck, 72);
AT(dream_template, describe_train, 80);
AT(dream_template, train, 88);

static_assert(sizeof(dream_dl_tensor) == 48);
AT(dream_dl_tensor, data, 0);
AT(dream_dl_tensor, device, 8);
AT(dream_dl_tensor, device.device_type, 8);
AT(dream_dl_tensor, device.device_id, 12);
AT(dream_dl_tensor, ndim, 16);
AT(dream_dl_tensor, dtype, 20);
AT(dream_dl_tensor, dtype.code, 20);
AT(dream_dl_tensor, dtype.bits, 21);
AT(dream_dl_tensor, dtype.lanes, 22);
AT(dream_dl_tensor, shape, 24);
AT(dream_dl_tensor, strides, 32);
AT(dream_dl_tensor, byte_offset, 40);

static_assert(sizeof(dream_dl_managed_tensor) == 64);
AT(dream_dl_managed_tensor, dl_tensor, 0);
AT(dream_dl_managed_tensor, manager_ctx, 48);
AT(dream_dl_managed_tensor, deleter, 56);

AT(dream_tensor_1, struct_size, 0);
AT(dream_tensor_1, reserved, 4);
AT(dream_tensor_1, zeros, 8);
AT(dream_tensor_1, randn, 16);

static_assert(sizeof(dream_str) == 16);
AT(dream_str, data, 0);
AT(dream_str, size, 8);

static_assert(sizeof(dream_value) == 24);
AT(dream_value, struct_size, 0);
AT(dream_value, type, 4);
AT(dream_value, as, 8);
AT(dream_value, as.string, 8);
AT(dream_value, as.integer, 8);
AT(dream_value, as.number, 8);
AT(dream_value, as.boolean, 8);
AT(dream_value, as.items, 8);
AT(dream_value, as.items.data, 8);
AT(dream_value, as.items.size, 16);

// SDK 1.3
AT(dream_schema_1, add_training_inputs, 48);
AT(dream_engine_training_1, struct_size, 0);
AT(dream_engine_training_1, reserved, 4);
AT(dream_engine_training_1, open, 8);
AT(dream_engine_training_1, close, 16);
AT(dream_engine_training_1, train, 24);

// SDK 1.2
AT(dream_run_1, context, 64);

// SDK 1.1
AT(dream_control_source, struct_size, 0);
AT(dream_control_source, flags, 4);
AT(dream_control_source, network, 8);
AT(dream_control_source, annotator, 24);

AT(dream_control, struct_size, 0);
AT(dream_control, flags, 4);
AT(dream_control, network, 8);
AT(dream_control, image, 24);
AT(dream_control, scale, 32);
AT(dream_control, guidance_start, 40);
AT(dream_control, guidance_end, 48);

AT(dream_overrides, controls, 40);
AT(dream_overrides, control_count, 48);
AT(dream_schema_1, add_control_inputs, 40);

static_assert(DREAM_CONTROL_MASKED == 1 && DREAM_CONTROL_HAS_SCALE == 2 &&
              DREAM_CONTROL_HAS_GUIDANCE_START == 4 && DREAM_CONTROL_HAS_GUIDANCE_END == 8);

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

static_assert(DREAM_FILTER_NEAREST == 0 && DREAM_FILTER_BILINEAR == 1 &&
              DREAM_FILTER_BICUBIC == 2 && DREAM_FILTER_LANCZOS == 3);
static_assert(DREAM_LOG_DEBUG == 0 && DREAM_LOG_INFO == 1 && DREAM_LOG_WARNING == 2 &&
              DREAM_LOG_ERROR == 3);
static_assert(DREAM_METRIC_REPLACE == 0 && DREAM_METRIC_INCREMENT == 1 && DREAM_METRIC_APPEND == 2);
static_assert(DREAM_DEVICE_CPU == 1 && DREAM_DEVICE_CUDA == 2);  // these are DLPack's
static_assert(DREAM_DTYPE_INT == 0 && DREAM_DTYPE_UINT == 1 && DREAM_DTYPE_FLOAT == 2 &&
              DREAM_DTYPE_BFLOAT == 4);

TEST(AbiLayout, IdsAreTheReleasedOnes) {
  EXPECT_STREQ(DREAM_SCHEMA_1, "dream.schema/1");
  EXPECT_STREQ(DREAM_RUN_1, "dream.run/1");
  EXPECT_STREQ(DREAM_LOG_1, "dream.log/1");
  EXPECT_STREQ(DREAM_METRIC_1, "dream.metric/1");
  EXPECT_STREQ(DREAM_ENGINE_DIFFUSION_1, "dream.engine.diffusion/1");
  EXPECT_STREQ(DREAM_TENSOR_1, "dream.tensor/1");
  EXPECT_STREQ(DREAM_IMAGE_1, "dream.image/1");
  EXPECT_STREQ(DREAM_ANNOTATOR_1, "dream.annotator/1");
  EXPECT_STREQ(DREAM_TEMPLATE_ENTRY, "dream_template_entry");
  EXPECT_STREQ(DREAM_NOTE_SECTION, ".note.dream.abi");
}

}  // namespace
