#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "sdk/engine/pipeline/stages.hpp"

namespace dream::engine {
namespace {

// Begin and end take two of the places.
void tell_if_cut(const Components& parts, const GenerateRequest& request, std::string_view input,
                 const std::string& text) {
  const auto tokens = std::ssize(parts.tokenizer.tokenize(text));
  const auto places = parts.tokenizer.max_length();
  if (tokens <= places - 2 || !request.on_log) return;
  request.on_log(
      fmt::format("{} has {} tokens; the last {} are left out: the text encoder takes {} "
                  "with begin and end",
                  input, tokens, tokens - (places - 2), places));
}

}  // namespace

at::Tensor encode_text(const Components& parts, const std::string& text, int clip_skip) {
  return parts.text_encoder.forward(parts.tokenizer.encode(text), clip_skip);
}

at::Tensor encode_prompts(const Components& parts, const GenerateRequest& request, bool guided) {
  tell_if_cut(parts, request, "prompt", request.prompt);
  const auto prompt = encode_text(parts, request.prompt, request.clip_skip);
  if (!guided) return prompt;
  tell_if_cut(parts, request, "negative_prompt", request.negative_prompt);
  // As in diffusers, clip_skip concerns the prompt alone.
  return at::cat({encode_text(parts, request.negative_prompt, 0), prompt});
}

}  // namespace dream::engine
