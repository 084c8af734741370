// Byte pair encoding of one word: its bytes are joined pair by pair, the most frequent pair of the
// training text first, until no known pair is left (arXiv 1508.07909; byte level as in GPT-2).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dream::engine {

class BytePairEncoder {
 public:
  // `vocab` maps byte-level tokens, the last of a word ending in "</w>", to ids; `unk` stands for
  // bytes it lacks. Throws std::runtime_error naming a merge whose tokens are not in the
  // vocabulary.
  BytePairEncoder(const std::unordered_map<std::string, std::int64_t>& vocab,
                  const std::vector<std::pair<std::string, std::string>>& merges, std::int64_t unk);

  // Appends the ids of `word`. O(n log n) in its bytes.
  void encode(std::string_view word, std::vector<std::int64_t>& ids) const;

 private:
  struct Merge {
    std::uint32_t rank;  // lower is joined first
    std::int32_t id;     // of the joined token
  };

  std::array<std::int32_t, 256> inner_{};  // id of each byte inside a word
  std::array<std::int32_t, 256> last_{};   // and at its end
  std::unordered_map<std::uint64_t, Merge> merges_;
};

}  // namespace dream::engine
