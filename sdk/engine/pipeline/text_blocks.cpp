#include "sdk/engine/pipeline/text_blocks.hpp"

#include <algorithm>
#include <iterator>

namespace dream::engine {
namespace {

struct Token {
  std::int64_t id = 0;
  double weight = 1.0;
  int piece = -1;
};
using Tokens = std::vector<Token>;
using Position = Tokens::const_iterator;

constexpr int comma_backtrack = 20;  // A1111's default, with the comma

Tokens tokens_of(const ClipTokenizer& tokenizer, const std::vector<WeightedText>& texts) {
  Tokens tokens;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (const auto id : tokenizer.tokenize(texts[i].text))
      tokens.push_back({id, texts[i].weight, static_cast<int>(i)});
  }
  return tokens;
}

TextBlock block_of(const ClipTokenizer& tokenizer, Position first, Position last) {
  TextBlock block;
  const auto add = [&block](const Token& token) {
    block.ids.push_back(token.id);
    block.weights.push_back(token.weight);
    block.pieces.push_back(token.piece);
  };
  add({tokenizer.bos()});
  std::for_each(first, last, add);
  add({tokenizer.eos()});
  while (std::ssize(block.ids) < tokenizer.max_length()) add({tokenizer.pad()});
  return block;
}

// The ids these characters have as words of their own.
std::vector<std::int64_t> ids_of(const ClipTokenizer& tokenizer,
                                 std::initializer_list<const char*> words) {
  std::vector<std::int64_t> ids;
  for (const char* word : words) {
    const auto found = tokenizer.tokenize(word);
    if (found.size() == 1) ids.push_back(found.front());
  }
  return ids;
}

// How many tokens from `first` on are the vectors of one embedding; 1 for other tokens.
std::ptrdiff_t vectors_from(const ClipTokenizer& tokenizer, Position first, Position last) {
  return std::find_if(first + 1, last,
                      [&](const Token& t) { return !tokenizer.continues(t.id); }) - first;
}

// Behind the last token in [first, last) that `fits`, else `first`.
template <typename Fits>
Position behind_last(Position first, Position last, Fits fits) {
  return std::find_if(std::reverse_iterator(last), std::reverse_iterator(first), fits).base();
}

}  // namespace

std::vector<TextBlock> compel_blocks(const ClipTokenizer& tokenizer,
                                     const std::vector<WeightedText>& texts) {
  const Tokens tokens = tokens_of(tokenizer, texts);
  const auto stops = ids_of(tokenizer, {"."});
  const auto pauses = ids_of(tokenizer, {".", ",", ";", ":"});
  const auto among = [](const std::vector<std::int64_t>& ids) {
    return [&ids](const Token& token) { return std::ranges::find(ids, token.id) != ids.end(); };
  };
  std::vector<TextBlock> blocks;
  Position at = tokens.begin();
  do {
    Position end = tokens.end();
    if (const auto most = tokenizer.max_length() - 2; end - at > most) {
      const Position full = at + most;
      end = behind_last(at, full, among(stops));
      if (end == at) end = behind_last(at, full, among(pauses));
      if (end == at) {
        end = behind_last(at, full, [&](const Token& t) { return tokenizer.ends_word(t.id); });
      }
      if (end == at) end = full;
    }
    blocks.push_back(block_of(tokenizer, at, end));
    at = end;
  } while (at != tokens.end());
  return blocks;
}

std::vector<TextBlock> a1111_blocks(const ClipTokenizer& tokenizer,
                                    const std::vector<std::vector<WeightedText>>& stretches) {
  const auto most = tokenizer.max_length() - 2;
  const auto commas = ids_of(tokenizer, {","});
  const auto is_comma = [&](std::int64_t id) {
    return std::ranges::find(commas, id) != commas.end();
  };
  std::vector<TextBlock> blocks;
  Tokens block;
  int behind_comma = -1;  // tokens of the block up to and with its last comma
  const auto finish = [&] {
    blocks.push_back(block_of(tokenizer, block.cbegin(), block.cend()));
    block.clear();
    behind_comma = -1;
  };
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    if (i > 0) finish();
    const auto tokens = tokens_of(tokenizer, stretches[i]);
    for (auto next = tokens.begin(); next != tokens.end(); ++next) {
      const Token& token = *next;
      if (is_comma(token.id) && std::ssize(block) < most) {
        behind_comma = static_cast<int>(block.size()) + 1;
      } else if (std::ssize(block) == most) {
        Tokens moved;
        if (!is_comma(token.id) && behind_comma != -1 &&
            std::ssize(block) - behind_comma < comma_backtrack) {
          moved.assign(block.begin() + behind_comma, block.end());
          block.resize(static_cast<std::size_t>(behind_comma));
        }
        finish();
        block = std::move(moved);
      }
      // The vectors of an embedding stay in one block.
      const auto together = vectors_from(tokenizer, next, tokens.end());
      if (together > 1 && std::ssize(block) + together > most) finish();
      block.push_back(token);
    }
  }
  if (!block.empty() || blocks.empty()) finish();
  return blocks;
}

}  // namespace dream::engine
