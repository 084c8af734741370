#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "sdk/engine/pipeline/stages.hpp"
#include "sdk/engine/pipeline/text_blocks.hpp"
#include "sdk/engine/tensor/narrow.hpp"

namespace dream::engine {
namespace {

// Blocks cost time at every step, so whoever asked should know.
void tell_if_long(const Components& parts, const GenerateRequest& request, std::string_view input,
                  const at::Tensor& states) {
  const auto places = parts.tokenizer.max_length();
  const auto blocks = states.size(1) / places;
  if (blocks <= 1 || !request.on_log) return;
  request.on_log(fmt::format("{} is encoded in {} blocks of {} tokens", input, blocks, places));
}

// A message of the grammar speaks of the prompt; here it is known which.
at::Tensor encode_negative(const Components& parts, const GenerateRequest& request, int clip_skip) {
  try {
    return encode_weighted(parts, request.negative_prompt, request.prompt_syntax, clip_skip);
  } catch (const InvalidInput& error) {
    throw InvalidInput(fmt::format("negative_{}", error.what()));
  }
}

}  // namespace

at::Tensor encode_text(const Components& parts, const std::string& text, int clip_skip) {
  return parts.text_encoder.forward(parts.tokenizer.encode(text), clip_skip);
}

at::Tensor encode_prompts(const Components& parts, const GenerateRequest& request, bool guided) {
  const auto dtype = parts.compute.dtype;
  auto prompt = encode_weighted(parts, request.prompt, request.prompt_syntax, request.clip_skip);
  tell_if_long(parts, request, "prompt", prompt);
  if (!guided) return narrowed(prompt, dtype);
  // As in diffusers, clip_skip concerns the prompt alone; in A1111 it concerns both.
  const int skip = request.prompt_syntax == PromptSyntax::a1111 ? request.clip_skip : 0;
  auto negative = encode_negative(parts, request, skip);
  tell_if_long(parts, request, "negative_prompt", negative);
  const auto tokens = std::max(prompt.size(1), negative.size(1));
  const auto pad = [&](at::Tensor states, int clip_skip) {
    if (states.size(1) == tokens) return states;
    return pad_blocks(states, tokens, encode_text(parts, "", clip_skip).to(at::kFloat));
  };
  return narrowed(at::cat({pad(negative, skip), pad(prompt, request.clip_skip)}), dtype);
}

}  // namespace dream::engine
