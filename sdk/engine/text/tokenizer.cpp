#include "sdk/engine/text/tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <unordered_set>

#include "sdk/engine/text/tokenizer_bpe.hpp"
#include "sdk/engine/text/tokenizer_files.hpp"
#include "sdk/engine/text/unicode.hpp"

namespace dream::engine {
namespace {

using Ids = std::vector<std::int64_t>;

// NFC, every run of whitespace to one space, lower case.
std::u32string normalize(std::u32string_view text) {
  std::u32string spaced;
  for (const char32_t c : to_nfc(text)) {
    if (!is_whitespace(c)) {
      spaced.push_back(c);
    } else if (spaced.empty() || spaced.back() != U' ') {
      spaced.push_back(U' ');
    }
  }
  return to_lower(spaced);
}

// Cuts tokens out of a text, at each place the longest that fits.
class TokenCutter {
 public:
  void add(std::u32string content, const AddedToken& token) {
    if (content.empty()) return;
    tokens_.push_back({std::move(content), token.id, token.count, token.lstrip, token.rstrip});
    std::stable_sort(tokens_.begin(), tokens_.end(), [](const Cut& a, const Cut& b) {
      return a.content.size() > b.content.size();
    });
    rebuild_first();
  }

  // Hands every stretch between tokens to `on_text` and every token's id to `on_token`, in order.
  template <typename OnText, typename OnToken>
  void cut(std::u32string_view text, OnText on_text, OnToken on_token) const {
    std::size_t done = 0;
    for (std::size_t i = text.find_first_of(first_); i < text.size();
         i = text.find_first_of(first_, i)) {
      const Cut* token = token_at(text.substr(i));
      if (token == nullptr) {
        ++i;
        continue;
      }
      std::size_t start = i;
      std::size_t stop = i + token->content.size();
      while (token->lstrip && start > done && is_whitespace(text[start - 1])) --start;
      while (token->rstrip && stop < text.size() && is_whitespace(text[stop])) ++stop;
      if (start > done) on_text(text.substr(done, start - done));
      for (int n = 0; n < token->count; ++n) on_token(token->id + n);
      done = i = stop;
    }
    if (done < text.size()) on_text(text.substr(done));
  }

 private:
  struct Cut {
    std::u32string content;
    std::int64_t id;
    int count;
    bool lstrip, rstrip;
  };

  void rebuild_first() {
    first_.clear();
    for (const Cut& token : tokens_)
      if (first_.find(token.content[0]) == first_.npos) first_.push_back(token.content[0]);
  }

  const Cut* token_at(std::u32string_view text) const {
    for (const Cut& token : tokens_)
      if (text.starts_with(token.content)) return &token;
    return nullptr;
  }

  std::vector<Cut> tokens_;  // longest first
  std::u32string first_;     // their first characters
};

// How many characters at the start of `text` form one word, by the pattern CLIP was trained with:
// an English contraction, letters, one digit, or anything else that is no whitespace.
std::size_t word_length(std::u32string_view text) {
  constexpr std::u32string_view contractions[] = {U"'s", U"'t",  U"'re", U"'ve",
                                                  U"'m", U"'ll", U"'d"};
  for (const std::u32string_view contraction : contractions)
    if (text.starts_with(contraction)) return contraction.size();
  if (is_number(text[0])) return 1;
  const bool letters = is_letter(text[0]);
  std::size_t length = 1;
  while (length < text.size()) {
    const char32_t c = text[length];
    if (is_letter(c) != letters || (!letters && (is_number(c) || is_whitespace(c)))) break;
    ++length;
  }
  return length;
}

// What with_tokens() leaves alone.
struct Vocabulary {
  explicit Vocabulary(const TokenizerFiles& files)
      : encoder(files.vocab, files.merges, files.unk) {
    for (const auto& [token, id] : files.vocab) {
      spellings.insert(token);
      if (token.ends_with("</w>")) word_ends.insert(id);
    }
  }

  std::unordered_set<std::string> spellings;
  std::unordered_set<std::int64_t> word_ends;
  BytePairEncoder encoder;
};

}  // namespace

struct ClipTokenizer::State {
  explicit State(const TokenizerFiles& files)
      : vocabulary(std::make_shared<const Vocabulary>(files)),
        bos(files.bos),
        eos(files.eos),
        pad(files.pad),
        max_length(files.max_length) {
    for (const AddedToken& token : files.added_tokens) add(token);
  }

  void add(const AddedToken& token) {
    added.insert(token.content);
    for (int n = 1; n < token.count; ++n) continued.insert(token.id + n);
    const std::u32string content = decode_utf8(token.content);
    if (token.normalized) {
      normalized.add(normalize(content), token);
    } else {
      raw.add(content, token);
    }
  }

  // Words of a normalized text that holds no added token any more.
  void encode_words(std::u32string_view text, Ids& ids) const {
    // Written out in capitals, these two get past the cutters; the pattern keeps them together and
    // the byte level then splits them at their brackets, whatever stands around.
    constexpr std::u32string_view spelled[] = {U"<|startoftext|>", U"<|endoftext|>"};
    std::string word;
    const auto emit = [&](std::u32string_view piece) {
      word.clear();
      for (const char32_t c : piece) append_utf8(c, word);
      vocabulary->encoder.encode(word, ids);
    };
    for (std::size_t i = 0; i < text.size();) {
      if (is_whitespace(text[i])) {
        ++i;
        continue;
      }
      const std::u32string_view rest = text.substr(i);
      const auto literal = std::find_if(std::begin(spelled), std::end(spelled),
                                        [&](std::u32string_view s) { return rest.starts_with(s); });
      if (literal != std::end(spelled)) {
        emit(literal->substr(0, 2));
        emit(literal->substr(2, literal->size() - 4));
        emit(literal->substr(literal->size() - 2));
        i += literal->size();
        continue;
      }
      const std::size_t length = word_length(rest);
      emit(rest.substr(0, length));
      i += length;
    }
  }

  std::shared_ptr<const Vocabulary> vocabulary;
  std::unordered_set<std::string> added;
  std::unordered_set<std::int64_t> continued;
  TokenCutter raw;
  TokenCutter normalized;
  std::int64_t bos, eos, pad;
  int max_length;
};

ClipTokenizer ClipTokenizer::load(const std::filesystem::path& folder,
                                  const ReadTokenizerFile& read) {
  const TokenizerFiles files = read_tokenizer_files(folder, read);
  try {
    return ClipTokenizer(std::make_shared<const State>(files));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("{}: {}", folder.string(), error.what()));
  }
}

ClipTokenizer ClipTokenizer::load(const std::filesystem::path& folder) {
  return load(folder, [&](const std::string& name) -> std::optional<std::string> {
    std::ifstream stream(folder / name, std::ios::binary);
    if (!stream) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(stream), {});
  });
}

Ids ClipTokenizer::tokenize(std::string_view text) const {
  Ids ids;
  const auto take = [&ids](std::int64_t id) { ids.push_back(id); };
  state_->raw.cut(
      decode_utf8(text),
      [&](std::u32string_view stretch) {
        state_->normalized.cut(
            normalize(stretch),
            [&](std::u32string_view words) { state_->encode_words(words, ids); }, take);
      },
      take);
  return ids;
}

Ids ClipTokenizer::encode(std::string_view text) const {
  const auto length = static_cast<std::size_t>(state_->max_length);
  Ids ids = tokenize(text);
  ids.resize(std::min(ids.size(), length - 2));
  ids.insert(ids.begin(), state_->bos);
  ids.push_back(state_->eos);
  ids.resize(length, state_->pad);
  return ids;
}

bool ClipTokenizer::ends_word(std::int64_t id) const {
  return state_->vocabulary->word_ends.contains(id);
}
bool ClipTokenizer::continues(std::int64_t id) const {
  return state_->continued.contains(id);
}
bool ClipTokenizer::knows(const std::string& token) const {
  return state_->vocabulary->spellings.contains(token) || state_->added.contains(token);
}
ClipTokenizer ClipTokenizer::with_tokens(const std::vector<AddedToken>& tokens) const {
  auto state = std::make_shared<State>(*state_);
  for (const AddedToken& token : tokens) state->add(token);
  return ClipTokenizer(std::move(state));
}
int ClipTokenizer::max_length() const {
  return state_->max_length;
}
std::int64_t ClipTokenizer::bos() const {
  return state_->bos;
}
std::int64_t ClipTokenizer::eos() const {
  return state_->eos;
}
std::int64_t ClipTokenizer::pad() const {
  return state_->pad;
}

}  // namespace dream::engine
