#include "sdk/engine/pipeline/embeddings.hpp"

#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sdk/engine/adapters/embedding_file.hpp"

namespace dream::engine {
namespace {

void check_free(const ClipTokenizer& tokenizer, const std::string& token,
                const WeightOverlay& file) {
  if (!tokenizer.knows(token)) return;
  throw InvalidInput(fmt::format(
      "embedding \"{}\" ({}): its word \"{}\" is a token of the vocabulary already, or another "
      "embedding's; rename it",
      file.name, file.file.filename().string(), token));
}

void tell_if_uncalled(const ClipTokenizer& tokenizer, const GenerateRequest& request,
                      const WeightOverlay& file, const AddedToken& token) {
  const auto calls = [&](const std::string& prompt) {
    return std::ranges::count(tokenizer.tokenize(prompt), token.id) > 0;
  };
  if (!request.on_log || calls(request.prompt) || calls(request.negative_prompt)) return;
  request.on_log(fmt::format("embedding {}: no prompt holds its word \"{}\", so it does nothing",
                             file.name, token.content));
}

}  // namespace

std::optional<Components> with_embeddings(const Components& parts, const GenerateRequest& request) {
  if (request.embeddings.empty()) return std::nullopt;
  auto taught = parts;
  const auto& config = parts.text_encoder.config();
  const auto most = parts.tokenizer.max_length() - 2;
  std::vector<at::Tensor> vectors;
  std::vector<AddedToken> words;
  auto next = config.vocab_size;
  for (const auto& file : request.embeddings) {
    const auto embedding = EmbeddingFile::read(file, config.hidden_size, most);
    const auto count = static_cast<int>(embedding.vectors.size(0));
    check_free(taught.tokenizer, embedding.token, file);
    // As diffusers, each further vector can be called by itself: token_1, token_2, …
    std::vector<AddedToken> tokens(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      auto& token = tokens[static_cast<std::size_t>(i)];
      token.content = i == 0 ? embedding.token : fmt::format("{}_{}", embedding.token, i);
      token.id = next + i;
      token.count = i == 0 ? count : 1;
      token.normalized = true;
      if (i > 0) check_free(taught.tokenizer, token.content, file);
    }
    taught.tokenizer = taught.tokenizer.with_tokens(tokens);
    words.push_back(tokens.front());
    vectors.push_back(embedding.vectors);
    next += count;
  }
  taught.text_encoder = parts.text_encoder.with_tokens(at::cat(vectors));
  for (std::size_t i = 0; i < words.size(); ++i)
    tell_if_uncalled(taught.tokenizer, request, request.embeddings[i], words[i]);
  return taught;
}

}  // namespace dream::engine
