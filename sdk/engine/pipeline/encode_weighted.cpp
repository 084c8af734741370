#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "sdk/engine/pipeline/text_blocks.hpp"

namespace dream::engine {
namespace {

constexpr double most_restored = 1000.0;  // as far as a prompt's own weights may go

// Encodes blocks for one prompt and keeps the empty one, which weights and padding need.
class BlockEncoder {
 public:
  BlockEncoder(const Components& parts, int clip_skip) : parts_(parts), clip_skip_(clip_skip) {}

  at::Tensor states(const TextBlock& block, const std::vector<bool>& seen = {}) const {
    return parts_.text_encoder.forward(block.ids, clip_skip_, seen).to(at::kFloat);
  }

  const at::Tensor& empty() {
    if (!empty_.defined()) empty_ = states(compel_blocks(parts_.tokenizer, {}).front());
    return empty_;
  }

  const ClipTokenizer& tokenizer() const { return parts_.tokenizer; }

 private:
  const Components& parts_;
  int clip_skip_;
  at::Tensor empty_;
};

at::Tensor weights_of(const TextBlock& block, const at::Tensor& like) {
  return at::tensor(block.weights, at::kDouble).to(like.options()).view({1, -1, 1});
}

bool all_one(const TextBlock& block) {
  return std::ranges::all_of(block.weights, [](double weight) { return weight == 1.0; });
}

// Tokens move away from what the empty prompt has in their place.
at::Tensor weighted(BlockEncoder& encoder, const TextBlock& block, const at::Tensor& states) {
  if (all_one(block)) return states;
  const auto weights = weights_of(block, states);
  return at::where(weights == 1, states,
                   encoder.empty() + (states - encoder.empty()) * weights);
}

// What the encoder sees when the tokens of `piece` are hidden. compel hides all from the first to
// the last of them, block ends between included, but for the outermost places of each block.
std::vector<bool> seen_without(const std::vector<TextBlock>& blocks, std::size_t index, int piece) {
  const auto has = [piece](const TextBlock& block) {
    return std::ranges::find(block.pieces, piece) != block.pieces.end();
  };
  const auto& pieces = blocks[index].pieces;
  const auto here = blocks.begin() + static_cast<std::ptrdiff_t>(index);
  const bool before = std::any_of(blocks.begin(), here, has);
  const bool after = std::any_of(here + 1, blocks.end(), has);
  auto first = std::ranges::find(pieces, piece) - pieces.begin();
  auto last = pieces.rend() - std::find(pieces.rbegin(), pieces.rend(), piece);  // one behind
  if (before) first = 0;
  if (after) last = std::ssize(pieces);
  std::vector<bool> seen(pieces.size(), true);
  for (auto i = first; i < last; ++i) seen[static_cast<std::size_t>(i)] = false;
  seen.front() = seen.back() = true;
  return seen;
}

// compel's embedding of one flat prompt (embeddings_provider.py): weights above and below 1 move
// the tokens, and those below 1 mix in the prompt with their text hidden, tan((1 - w) pi / 2) to 1.
at::Tensor encode_flat(BlockEncoder& encoder, const std::vector<WeightedText>& texts) {
  const auto blocks = compel_blocks(encoder.tokenizer(), texts);
  double total = 1.0;
  std::vector<double> shares(texts.size(), 0.0);
  std::set<int> present;
  for (const auto& block : blocks) present.insert(block.pieces.begin(), block.pieces.end());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].weight >= 1 || !present.contains(static_cast<int>(i))) continue;
    shares[i] = std::tan((1.0 - std::max(1e-5, texts[i].weight)) * std::numbers::pi / 2);
    total += shares[i];
  }
  std::vector<at::Tensor> encoded;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto base = weighted(encoder, blocks[i], encoder.states(blocks[i]));
    if (total == 1.0) {
      encoded.push_back(base);
      continue;
    }
    // A block without the hidden text stays as it is, so only the others are encoded again.
    double hidden = 0.0;
    at::Tensor sum;
    const std::set<int> here(blocks[i].pieces.begin(), blocks[i].pieces.end());
    for (const int piece : here) {
      if (piece < 0 || shares[static_cast<std::size_t>(piece)] == 0.0) continue;
      const double share = shares[static_cast<std::size_t>(piece)];
      const auto without = weighted(
          encoder, blocks[i], encoder.states(blocks[i], seen_without(blocks, i, piece)));
      const auto part = without * (share / total);
      sum = sum.defined() ? sum + part : part;
      hidden += share;
    }
    encoded.push_back(sum.defined() ? base * ((total - hidden) / total) + sum : base);
  }
  return at::cat(encoded, 1);
}

at::Tensor encode_part(BlockEncoder& encoder, const CompelPart& part) {
  std::vector<at::Tensor> prompts;
  std::int64_t tokens = 0;
  double total = 0;
  for (const auto& texts : part.prompts) {
    prompts.push_back(encode_flat(encoder, texts));
    tokens = std::max(tokens, prompts.back().size(1));
  }
  for (const double weight : part.weights) total += weight;
  at::Tensor mixed;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    auto states = std::move(prompts[i]);
    if (states.size(1) < tokens) states = pad_blocks(states, tokens, encoder.empty());
    const double weight = part.normalize ? part.weights[i] / total : part.weights[i];
    if (weight != 1.0) states = states * weight;
    mixed = mixed.defined() ? mixed + states : states;
  }
  if (part.weight == 1.0) return mixed;
  const auto empty = pad_blocks(encoder.empty(), tokens, encoder.empty());
  return empty + (mixed - empty) * part.weight;
}

// A1111's embedding: states times weights, then the mean of each block as it was.
at::Tensor encode_a1111(BlockEncoder& encoder, const std::string& prompt) {
  std::vector<at::Tensor> encoded;
  for (const auto& block : a1111_blocks(encoder.tokenizer(), parse_a1111(prompt))) {
    const auto states = encoder.states(block);
    if (all_one(block)) {
      encoded.push_back(states);
      continue;
    }
    const auto scaled = states * weights_of(block, states);
    const auto before = states.mean().item<double>(), after = scaled.mean().item<double>();
    // Weights of both signs can leave no mean to restore; then nothing is restored.
    const bool vanishes = std::abs(after) * most_restored < std::abs(before);
    encoded.push_back(vanishes ? scaled : scaled * (before / after));
  }
  return at::cat(encoded, 1);
}

}  // namespace

at::Tensor pad_blocks(at::Tensor states, std::int64_t tokens, const at::Tensor& empty) {
  while (states.size(1) < tokens) states = at::cat({states, empty}, 1);
  return states;
}

at::Tensor encode_weighted(const Components& parts, const std::string& prompt, PromptSyntax syntax,
                           int clip_skip) {
  BlockEncoder encoder(parts, clip_skip);
  if (syntax == PromptSyntax::a1111) return encode_a1111(encoder, prompt);
  if (syntax == PromptSyntax::plain) return encode_flat(encoder, {{prompt, 1.0}});
  std::vector<at::Tensor> encoded;
  for (const auto& part : parse_compel(prompt).parts) encoded.push_back(encode_part(encoder, part));
  return at::cat(encoded, 1);
}

}  // namespace dream::engine
