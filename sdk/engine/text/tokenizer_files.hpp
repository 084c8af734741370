// What a `tokenizer` folder says, as plain data. The files have grown in three generations (slow
// tokenizer, special_tokens_map.json, tokenizer.json); which one counts follows transformers 5.18.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dream::engine {

// A token that is cut out of the text before anything else is done with it.
struct AddedToken {
  std::string content;
  std::int64_t id = -1;
  int count = 1;            // it stands for so many ids, from `id` on
  bool normalized = false;  // looked for in the normalized text instead of the raw one
  bool lstrip = false;      // takes the whitespace on its left with it
  bool rstrip = false;
};

struct TokenizerFiles {
  std::unordered_map<std::string, std::int64_t> vocab;      // byte-level characters, UTF-8
  std::vector<std::pair<std::string, std::string>> merges;  // most urgent first
  std::vector<AddedToken> added_tokens;
  std::int64_t bos = 0, eos = 0, pad = 0, unk = 0;
  int max_length = 77;
};

// Text of a file of the `tokenizer` folder by its name; nullopt when there is none.
using ReadTokenizerFile = std::function<std::optional<std::string>(const std::string& name)>;

// `folder` is what messages call it. Throws std::runtime_error naming file, key and value.
TokenizerFiles read_tokenizer_files(const std::filesystem::path& folder,
                                    const ReadTokenizerFile& read);

}  // namespace dream::engine
