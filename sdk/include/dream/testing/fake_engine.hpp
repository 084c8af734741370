// The fake dream.engine.diffusion/1: no network, the same numbers every time. Latents of 8 pixels a
// side drift from the seed's noise towards values that the prompt decides, so that a picture tells
// prompts, seeds, steps and changed latents apart.
#pragma once

#include <dream/abi/engine_diffusion.h>

#include <dream/tensor.hpp>
#include <dream/testing/fake_control.hpp>
#include <dream/testing/fake_image.hpp>
#include <dream/testing/fake_run.hpp>
#include <dream/testing/fake_tensor.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct dream_setup {
  dream::testing::HostState* host;
};
struct dream_diffusion {
  dream::testing::HostState* host;
};
struct dream_denoise {
  dream::testing::HostState* host;
  std::vector<int64_t> shape;
  std::vector<float> latents, target;
  uint32_t remaining;
};

namespace dream::testing {

struct EngineFunctions {
  static constexpr uint32_t native_size = 64, factor = 8, channels = 4, tokens = 8, width = 16;

  static dream_status* open(dream_setup* setup, dream_diffusion** engine) {
    return guarded(*setup->host, [&] {
      if (!setup->host->engine_error.empty()) throw Error(setup->host->engine_error);
      *engine = new dream_diffusion{setup->host};
      ++setup->host->engines_open;
    });
  }
  static void close(dream_diffusion* engine) {
    if (engine == nullptr) return;
    --engine->host->engines_open;
    delete engine;
  }

  static dream_status* generate(dream_diffusion* engine, dream_run* run,
                                const dream_overrides* overrides) {
    return guarded(*engine->host, [&] { draw(*engine, run, overrides); });
  }

  static dream_status* info(dream_diffusion* engine, dream_diffusion_info* info) {
    const uint32_t size = info->struct_size;
    *info = {};
    info->struct_size = size;
    if (!engine->host->has_weights) return nullptr;
    info->has_weights = 1;
    info->native_size = native_size;
    info->vae_factor = factor;
    info->latent_channels = channels;
    info->text_tokens = tokens;
    info->text_width = width;
    return nullptr;
  }

  static const char* const* schedulers(const dream_host*) {
    static constexpr const char* all[] = {"DPMSolverMultistep", "DDIM", nullptr};
    return all;
  }

  static dream_status* encode_prompt(dream_diffusion* engine, dream_str prompt, uint32_t clip_skip,
                                     dream_dl_managed_tensor** embedding) {
    return guarded(*engine->host, [&] {
      need_weights(*engine);
      const int64_t shape[] = {1, tokens, width};
      FakeTensor* tensor = FakeTensor::make(*engine->host, shape);
      Random random(Random::hash(dream::detail::view(prompt)) + clip_skip);
      for (float& value : tensor->values) value = random.normal();
      *embedding = tensor;
    });
  }

  static dream_status* encode_image(dream_diffusion* engine, const dream_image* image, uint64_t,
                                    dream_dl_managed_tensor** latents) {
    return guarded(*engine->host, [&] {
      need_weights(*engine);
      if (image->channels != 3 || image->width % factor != 0 || image->height % factor != 0) {
        throw InvalidInput("a picture to encode has 3 channels and sides that are multiples of 8");
      }
      const int64_t shape[] = {1, channels, image->height / factor, image->width / factor};
      FakeTensor* tensor = FakeTensor::make(*engine->host, shape);
      for (std::size_t i = 0; i < 3 * tensor->values.size() / channels; ++i) {
        const std::size_t plane = tensor->values.size() / channels, at = i % plane;
        const std::size_t x = at % static_cast<std::size_t>(shape[3]) * factor;
        const std::size_t y = at / static_cast<std::size_t>(shape[3]) * factor;
        tensor->values[i] =
            (static_cast<float>(image->data[(y * image->width + x) * 3 + i / plane]) - 127.5F) / 64;
      }
      *latents = tensor;
    });
  }

  static dream_status* decode_latents(dream_diffusion* engine, const dream_dl_tensor* latents,
                                      dream_image** image) {
    return guarded(*engine->host, [&] {
      need_weights(*engine);
      const TensorView view(*latents);
      const auto shape = view.shape();
      if (shape.size() != 4 || shape[0] != 1 || shape[1] != channels) {
        throw InvalidInput("latents to decode have the shape [1, 4, height/8, width/8]");
      }
      const auto values = view.data<const float>();
      const auto rows = static_cast<uint32_t>(shape[2]), columns = static_cast<uint32_t>(shape[3]);
      dream_image* out = ImageFunctions::make(*engine->host, columns * factor, rows * factor, 3);
      for (std::size_t i = 0; i < out->data.size(); ++i) {
        const std::size_t pixel = i / 3, y = pixel / out->width, x = pixel % out->width;
        const float value =
            values[((i % 3) * rows + y / factor) * columns + x / factor] * 64 + 127.5F;
        out->data[i] = static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
      }
      *image = out;
    });
  }

  static dream_status* denoise_begin(dream_diffusion* engine, const dream_denoise_request* request,
                                     dream_denoise** loop) {
    return guarded(*engine->host, [&] { *loop = begin(*engine, *request).release(); });
  }

  static dream_status* denoise_step(dream_denoise* loop, uint32_t* remaining) {
    return guarded(*loop->host, [&] {
      if (loop->remaining == 0) throw Error("the denoise loop has no steps left");
      for (std::size_t i = 0; i < loop->latents.size(); ++i) {
        loop->latents[i] += 0.3F * (loop->target[i] - loop->latents[i]);
      }
      *remaining = --loop->remaining;
    });
  }

  static dream_status* denoise_latents(dream_denoise* loop, dream_dl_tensor* latents) {
    FakeTensor::describe(loop->latents, loop->shape, *latents);
    return nullptr;
  }

  static void denoise_end(dream_denoise* loop) {
    if (loop == nullptr) return;
    --loop->host->loops_open;
    delete loop;
  }

  static constexpr dream_engine_diffusion_1 table() {
    return {sizeof(dream_engine_diffusion_1),
            0,
            open,
            close,
            generate,
            info,
            schedulers,
            encode_prompt,
            encode_image,
            decode_latents,
            denoise_begin,
            denoise_step,
            denoise_latents,
            denoise_end};
  }

 private:
  using Loop = std::unique_ptr<dream_denoise, void (*)(dream_denoise*)>;

  static void need_weights(const dream_diffusion& engine) {
    if (!engine.host->has_weights) {
      throw Error("This is a template, not a real model - add weights");
    }
  }

  static Loop begin(const dream_diffusion& engine, const dream_denoise_request& request) {
    need_weights(engine);
    if (request.prompt == nullptr) throw InvalidInput("denoise: prompt is missing");
    if (request.steps == 0) throw InvalidInput("denoise: steps is 0");
    if (request.guidance_scale > 1 && request.negative_prompt == nullptr) {
      throw InvalidInput("denoise: guidance_scale is above 1, and negative_prompt is missing");
    }
    Loop loop(new dream_denoise{engine.host, {}, {}, {}, request.steps}, denoise_end);
    ++engine.host->loops_open;
    if (request.latents != nullptr) {
      const TensorView start(*request.latents);
      loop->shape.assign(start.shape().begin(), start.shape().end());
      const auto values = start.data<const float>();
      loop->latents.assign(values.begin(), values.end());
    } else {
      const uint32_t wide = request.width == 0 ? native_size : request.width;
      const uint32_t high = request.height == 0 ? native_size : request.height;
      loop->shape = {1, channels, high / factor, wide / factor};
      loop->latents.resize(uint64_t{channels} * (high / factor) * (wide / factor));
      Random noise(request.seed);
      for (float& value : loop->latents) value = noise.normal();
    }
    const auto hash = [](const dream_dl_tensor* tensor) {
      const auto bytes = std::as_bytes(TensorView(*tensor).data<const float>());
      return Random::hash({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    };
    uint64_t seed = hash(request.prompt);
    if (request.negative_prompt != nullptr) seed ^= hash(request.negative_prompt) >> 1;
    Random random(seed);
    float colour[channels];
    for (float& value : colour) value = static_cast<float>(3 * random.uniform() - 1.5);
    for (std::size_t i = 0; i < loop->latents.size(); ++i) {
      loop->target.push_back(colour[i / (loop->latents.size() / channels)]);
    }
    return loop;
  }

  // A diffusion input of this run; `otherwise` if it was not given.
  static Value given(const dream_run* run, const std::string& name, const Value& otherwise) {
    const auto found = run->record->inputs.find(name);
    return found == run->record->inputs.end() || found->second.type == DREAM_NULL ? otherwise
                                                                                  : found->second;
  }

  static void draw(dream_diffusion& engine, dream_run* run, const dream_overrides* overrides) {
    HostState& host = *engine.host;
    if (!host.generate_error.empty()) throw InvalidInput(host.generate_error);
    need_weights(engine);
    Generated asked;
    if (overrides != nullptr && overrides->prompt != nullptr) {
      asked.prompt = dream::detail::view(*overrides->prompt);
    }
    if (overrides != nullptr && overrides->negative_prompt != nullptr) {
      asked.negative_prompt = dream::detail::view(*overrides->negative_prompt);
    }
    const std::vector<FakeControl> controls = read_controls(overrides);
    for (const FakeControl& control : controls) asked.controls.push_back(control.seen);
    host.generated.push_back(asked);
    const std::string prompt = asked.prompt.value_or(given(run, "prompt", "").text);
    const std::string negative =
        asked.negative_prompt.value_or(given(run, "negative_prompt", "").text);
    const int64_t count = given(run, "num_outputs", 1).integer;
    for (int64_t i = 0; i < count; ++i) {
      draw_one(engine, run, overrides, controls, prompt, negative,
               given(run, "seed", 0).integer + i);
    }
    const Value pictures(count);
    const std::lock_guard lock(host.mutex);
    run->record->metrics.push_back({"image_count", pictures, DREAM_METRIC_REPLACE});
  }

  static Tensor encoded(dream_diffusion& engine, const std::string& prompt) {
    dream_dl_managed_tensor* tensor = nullptr;
    pass_on(encode_prompt(&engine, dream::detail::view(std::string_view(prompt)), 0, &tensor));
    return Tensor(tensor);
  }

  static void draw_one(dream_diffusion& engine, dream_run* run, const dream_overrides* overrides,
                       const std::vector<FakeControl>& controls, const std::string& prompt,
                       const std::string& negative, int64_t seed) {
    const Tensor embedding = encoded(engine, prompt), other = encoded(engine, negative);
    dream_denoise_request request{};
    request.steps = static_cast<uint32_t>(given(run, "num_inference_steps", 4).integer);
    request.guidance_scale = 7.5;
    request.seed = static_cast<uint64_t>(seed);
    const TensorView embedding_view = embedding, other_view = other;
    request.prompt = &embedding_view.dl();
    request.negative_prompt = &other_view.dl();
    request.width = static_cast<uint32_t>(given(run, "width", 0).integer);
    request.height = static_cast<uint32_t>(given(run, "height", 0).integer);
    const Loop loop = begin(engine, request);
    const Value users = given(run, "conditioning_scale", 1.0);
    const double scale = users.type == DREAM_NUMBER ? users.number : double(users.integer);
    for (const FakeControl& control : controls) {
      control.lead(loop->target, static_cast<std::size_t>(loop->shape[2]),
                   static_cast<std::size_t>(loop->shape[3]), scale);
    }
    dream_dl_tensor latents{};
    denoise_latents(loop.get(), &latents);
    for (uint32_t remaining = request.steps; remaining > 0;) {
      pass_on(denoise_step(loop.get(), &remaining));
      const uint32_t step = request.steps - remaining;
      RunFunctions::progress(run, step, request.steps, {});
      if (overrides != nullptr && overrides->on_latents != nullptr) {
        pass_on(overrides->on_latents(overrides->user, step, request.steps, &latents));
      }
      pass_on(RunFunctions::checkpoint(run));
    }
    emit_picture(engine, run, latents, seed);
  }

  static void emit_picture(dream_diffusion& engine, dream_run* run, const dream_dl_tensor& latents,
                           int64_t seed) {
    dream_image* image = nullptr;
    pass_on(decode_latents(&engine, &latents, &image));
    const std::unique_ptr<dream_image, void (*)(dream_image*)> owner(image,
                                                                     ImageFunctions::release);
    const std::string name =
        "seed-" + std::to_string(seed) + "." + given(run, "output_format", "png").text;
    const std::string path =
        std::string(dream::detail::view(RunFunctions::temp_folder(run))) + "/" + name;
    const auto text = [](const std::string& s) { return dream::detail::view(std::string_view(s)); };
    pass_on(ImageFunctions::encode(image, text(path), {"png", 3}, 95));
    pass_on(RunFunctions::emit_file(run, text(path), text(name)));
  }
};

}  // namespace dream::testing
