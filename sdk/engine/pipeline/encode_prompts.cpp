#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "sdk/engine/pipeline/stages.hpp"

namespace dream::engine {
namespace {

at::Tensor encode(const Components& parts, const GenerateRequest& request, std::string_view input,
                  const std::string& prompt, int clip_skip) {
  const auto encoded = parts.tokenizer.encode(prompt);
  const std::vector<std::int64_t> ids(encoded.begin(), encoded.end());
  (void)input;
  (void)request;
  return parts.text_encoder.forward(ids, clip_skip);
}

}  // namespace

at::Tensor encode_prompts(const Components& parts, const GenerateRequest& request, bool guided) {
  const auto prompt = encode(parts, request, "prompt", request.prompt, request.clip_skip);
  if (!guided) return prompt;
  // As in diffusers, clip_skip concerns the prompt alone.
  const auto negative = encode(parts, request, "negative_prompt", request.negative_prompt, 0);
  return at::cat({negative, prompt});
}

}  // namespace dream::engine
