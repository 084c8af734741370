#include "sdk/engine/text/tokenizer_bpe.hpp"

#include <fmt/format.h>

#include <queue>
#include <stdexcept>

#include "sdk/engine/text/unicode.hpp"

namespace dream::engine {
namespace {

constexpr std::string_view end_of_word = "</w>";

// GPT-2's byte alphabet: printable Latin-1 bytes stand for themselves, the others for the
// characters from U+0100 on, in order.
std::array<std::string, 256> byte_alphabet() {
  std::array<std::string, 256> alphabet;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
    append_utf8(printable ? byte : next++, alphabet[byte]);
  }
  return alphabet;
}

std::uint64_t pair_key(std::int32_t first, std::int32_t second) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(first)) << 32) |
         static_cast<std::uint32_t>(second);
}

struct Symbol {
  std::int32_t id;              // -1: joined to its left neighbour
  std::int32_t previous, next;  // indices, -1 at the ends
};

struct Candidate {
  std::uint32_t rank;
  std::int32_t left;  // index of the pair's first symbol
  std::int32_t id;    // what joining gives
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : left > other.left;
  }
};

}  // namespace

BytePairEncoder::BytePairEncoder(const std::unordered_map<std::string, std::int64_t>& vocab,
                                 const std::vector<std::pair<std::string, std::string>>& merges,
                                 std::int64_t unk) {
  const auto id_of = [&vocab](const std::string& token, std::int64_t fallback) {
    const auto found = vocab.find(token);
    return static_cast<std::int32_t>(found == vocab.end() ? fallback : found->second);
  };
  const std::array<std::string, 256> alphabet = byte_alphabet();
  for (std::size_t byte = 0; byte < 256; ++byte) {
    inner_[byte] = id_of(alphabet[byte], unk);
    last_[byte] = id_of(alphabet[byte] + std::string(end_of_word), unk);
  }
  merges_.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [first, second] = merges[rank];
    const std::int32_t a = id_of(first, -1);
    const std::int32_t b = id_of(second, -1);
    const std::int32_t joined = id_of(first + second, -1);
    if (a < 0 || b < 0 || joined < 0)
      throw std::runtime_error(
          fmt::format("merge {} \"{} {}\" names a token that is not in the vocabulary", rank + 1,
                      first, second));
    merges_.insert_or_assign(pair_key(a, b), Merge{static_cast<std::uint32_t>(rank), joined});
  }
}

void BytePairEncoder::encode(std::string_view word, std::vector<std::int64_t>& ids) const {
  const auto count = static_cast<std::int32_t>(word.size());
  std::vector<Symbol> symbols(word.size());
  for (std::int32_t i = 0; i < count; ++i) {
    const auto byte = static_cast<unsigned char>(word[static_cast<std::size_t>(i)]);
    const bool is_last = i + 1 == count;
    symbols[static_cast<std::size_t>(i)] = {(is_last ? last_ : inner_)[byte], i - 1,
                                            is_last ? -1 : i + 1};
  }

  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto at = [&symbols](std::int32_t i) -> Symbol& {
    return symbols[static_cast<std::size_t>(i)];
  };
  const auto consider = [&](std::int32_t left) {
    if (left < 0 || at(left).next < 0) return;
    const auto found = merges_.find(pair_key(at(left).id, at(at(left).next).id));
    if (found != merges_.end()) queue.push({found->second.rank, left, found->second.id});
  };
  for (std::int32_t i = 0; i + 1 < count; ++i) consider(i);

  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = at(best.left);
    if (left.id < 0 || left.next < 0) continue;
    // The pair may have changed since it was queued.
    const auto found = merges_.find(pair_key(left.id, at(left.next).id));
    if (found == merges_.end() || found->second.id != best.id) continue;
    Symbol& right = at(left.next);
    left.id = best.id;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0) at(left.next).previous = best.left;
    consider(left.previous);
    consider(best.left);
  }
  for (std::int32_t i = count > 0 ? 0 : -1; i >= 0; i = at(i).next) ids.push_back(at(i).id);
}

}  // namespace dream::engine
