// Prompts of any length as blocks of the text encoder's window (77 tokens: begin, 75, end), with a
// weight for every token. The UNet attends to all blocks, one after the other.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sdk/engine/engine.hpp"
#include "sdk/engine/pipeline/components.hpp"
#include "sdk/engine/text/prompt_syntax.hpp"

namespace dream::engine {

// One window; the three lists are as long as it.
struct TextBlock {
  std::vector<std::int64_t> ids;
  std::vector<double> weights;  // 1 for begin, end and padding
  std::vector<int> pieces;      // which text of the prompt a token is from; -1 for the others
};

// compel's blocks: each text tokenized alone; a block ends after its last full stop, else its last
// comma, colon or semicolon, else its last whole word. At least one block.
std::vector<TextBlock> compel_blocks(const ClipTokenizer& tokenizer,
                                     const std::vector<WeightedText>& texts);

// A1111's blocks: 75 tokens, but a stretch that runs over goes back to a comma among the last 20
// tokens; BREAK starts a new block. At least one block.
std::vector<TextBlock> a1111_blocks(const ClipTokenizer& tokenizer,
                                    const std::vector<std::vector<WeightedText>>& stretches);

// fp32 [1, tokens, width] of a prompt in `syntax`, its tokens a multiple of the window. The weights
// are applied in fp32 whatever the engine computes in. Throws InvalidInput for a prompt that cannot
// be read.
at::Tensor encode_weighted(const Components& parts, const std::string& prompt, PromptSyntax syntax,
                           int clip_skip);

// `states` followed by as many `empty` windows as make it `tokens` long: guidance needs prompt and
// negative prompt of one length.
at::Tensor pad_blocks(at::Tensor states, std::int64_t tokens, const at::Tensor& empty);

}  // namespace dream::engine
