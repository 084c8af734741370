// Weighted prompts: what a prompt written for compel or for AUTOMATIC1111's web UI says, as plain
// data. Torch-free, so that it can be fuzzed and checked word for word; pipeline/ computes with it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/engine/engine.hpp"

namespace dream::engine {

// A LoRA asked for inside a prompt.
struct PromptLora {
  std::string name;
  double scale = 1.0;
};

struct PromptLoras {
  std::string prompt;  // to be encoded
  std::vector<PromptLora> loras;
};

// What a prompt asks for by A1111's `<lora:name:0.8>`, in its order, and the prompt without it.
// Throws InvalidInput as the parsers below.
PromptLoras take_loras(std::string_view prompt);

// Text that is tokenized alone, all of its tokens weighted alike.
struct WeightedText {
  std::string text;
  double weight = 1.0;
};

// Encoded one by one and summed with `weights`; a part that is no blend is a blend of one.
struct CompelPart {
  std::vector<std::vector<WeightedText>> prompts;
  std::vector<double> weights;  // one per prompt
  bool normalize = true;        // divide the weights by their sum
  double weight = 1.0;          // of the part, in `.and(…)`
};

struct CompelPrompt {
  std::vector<CompelPart> parts;  // at least one; their embeddings stand one after the other
  std::vector<PromptLora> loras;
};

// compel 2.5.1's grammar: word+, word--, (…)1.3, "…"+, .attend(), .blend(), .and(), escapes with
// backslashes; `<lora:…>` is dropped. Linear in the prompt. Throws InvalidInput that says what is
// wrong and at which character for what compel refuses, `.swap()`, weights beyond 1000 and brackets
// 64 deep.
CompelPrompt parse_compel(std::string_view prompt);

// AUTOMATIC1111's grammar: (x) 1.1, (x:1.2), [x] 1 / 1.1, escapes with backslashes, BREAK. One
// list per stretch between BREAKs, at least one; brackets without a partner count to the end of
// the prompt. Linear in the prompt. `<lora:…>` is dropped. Throws InvalidInput like parse_compel(),
// and for what changes the prompt between steps, `[a:b:0.5]` and `[a|b]`.
std::vector<std::vector<WeightedText>> parse_a1111(std::string_view prompt);

// Where a prompt joins two by the word AND, which AUTOMATIC1111 draws as two prompts at once; in a
// negative prompt it is a word like any other there.
std::optional<std::size_t> find_composition(std::string_view prompt);

// Weights are kept within this: an embedding times 1000 still fits every number type.
inline constexpr double max_prompt_weight = 1000.0;
inline constexpr int max_prompt_depth = 64;

// Throws InvalidInput naming `what` if the weight is no number or too large.
double checked_weight(double weight, std::string_view what);

}  // namespace dream::engine
