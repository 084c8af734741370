// CLIP's tokenizer: a prompt to the ids its text encoder was trained on. Ids equal CLIPTokenizer of
// transformers 5.18, down to special tokens written out in a prompt and scripts it never saw.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/engine/text/tokenizer_files.hpp"

namespace dream::engine {

// Immutable and cheap to copy: any number of threads may share one.
class ClipTokenizer {
 public:
  // Reads a diffusers `tokenizer` folder: vocab.json and merges.txt or tokenizer.json, with the
  // special tokens of tokenizer_config.json and special_tokens_map.json. Throws std::runtime_error
  // that names the file and what is wrong with it.
  static ClipTokenizer load(const std::filesystem::path& folder);
  // The same for files that lie elsewhere; `folder` is what messages call it.
  static ClipTokenizer load(const std::filesystem::path& folder, const ReadTokenizerFile& read);

  // Ids of the text alone: no begin or end, any length. Bytes that are no UTF-8 count as U+FFFD.
  std::vector<std::int64_t> tokenize(std::string_view text) const;

  // What the text encoder takes: begin, as many ids as fit, end, padding; max_length() in all.
  std::vector<std::int64_t> encode(std::string_view text) const;

  // This tokenizer with `tokens` besides, looked for in lower case; their ids are the caller's.
  ClipTokenizer with_tokens(const std::vector<AddedToken>& tokens) const;

  // Is there a token spelled so, in the vocabulary or added to it?
  bool knows(const std::string& token) const;

  // Does this token end a word? The others are continued by the next token.
  bool ends_word(std::int64_t id) const;

  // Is this one of several ids of an added token, and not the first? They belong together.
  bool continues(std::int64_t id) const;

  int max_length() const;  // 77 for every published model
  std::int64_t bos() const;
  std::int64_t eos() const;
  std::int64_t pad() const;

 private:
  struct State;
  explicit ClipTokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace dream::engine
