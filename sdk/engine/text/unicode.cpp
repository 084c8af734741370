#include "sdk/engine/text/unicode.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <unordered_map>

namespace dream::engine {
namespace {

struct CodePointRange {
  char32_t first, last;
};
struct ClassRange {
  char32_t first, last;
  std::uint8_t combining_class;
};
struct Decomposition {
  char32_t composite, first, second;  // second = 0: one to one
  bool composes;                      // whether NFC joins the parts again
};
struct LowerRange {
  char32_t first, last, stride;
  std::int32_t distance;
};

#include "sdk/engine/text/unicode_tables.inc"

// The range `c` lies in, or nullptr. Ranges rise and do not overlap.
template <typename Range, std::size_t count>
const Range* find_range(const Range (&ranges)[count], char32_t c) {
  const auto after =
      std::upper_bound(std::begin(ranges), std::end(ranges), c,
                       [](char32_t value, const Range& range) { return value < range.first; });
  if (after == std::begin(ranges)) return nullptr;
  const Range* range = std::prev(after);
  return c <= range->last ? range : nullptr;
}

std::uint8_t combining_class(char32_t c) {
  const ClassRange* range = c < 0x300 ? nullptr : find_range(combining_classes, c);
  return range == nullptr ? 0 : range->combining_class;
}

// Hangul syllables are computed, not listed (Unicode 15, section 3.12).
constexpr char32_t hangul_s = 0xAC00, hangul_l = 0x1100, hangul_v = 0x1161, hangul_t = 0x11A7;
constexpr char32_t l_count = 19, v_count = 21, t_count = 28;
constexpr char32_t s_count = l_count * v_count * t_count;

void decompose(char32_t c, std::u32string& out) {
  if (c < 0xC0) {
    out.push_back(c);
    return;
  }
  if (c >= hangul_s && c < hangul_s + s_count) {
    const char32_t index = c - hangul_s;
    out.push_back(hangul_l + index / (v_count * t_count));
    out.push_back(hangul_v + index % (v_count * t_count) / t_count);
    if (index % t_count != 0) out.push_back(hangul_t + index % t_count);
    return;
  }
  const auto found = std::lower_bound(
      std::begin(decompositions), std::end(decompositions), c,
      [](const Decomposition& entry, char32_t value) { return entry.composite < value; });
  if (found == std::end(decompositions) || found->composite != c) {
    out.push_back(c);
    return;
  }
  decompose(found->first, out);
  if (found->second != 0) decompose(found->second, out);
}

std::uint64_t pair_key(char32_t first, char32_t second) {
  return (static_cast<std::uint64_t>(first) << 32) | second;
}

const std::unordered_map<std::uint64_t, char32_t>& compositions() {
  static const auto table = [] {
    std::unordered_map<std::uint64_t, char32_t> pairs;
    for (const Decomposition& entry : decompositions)
      if (entry.composes) pairs.emplace(pair_key(entry.first, entry.second), entry.composite);
    return pairs;
  }();
  return table;
}

// The composite of two code points, 0 when there is none.
char32_t compose(char32_t first, char32_t second) {
  if (first >= hangul_l && first < hangul_l + l_count && second >= hangul_v &&
      second < hangul_v + v_count)
    return hangul_s + ((first - hangul_l) * v_count + second - hangul_v) * t_count;
  if (first >= hangul_s && first < hangul_s + s_count && (first - hangul_s) % t_count == 0 &&
      second > hangul_t && second < hangul_t + t_count)
    return first + second - hangul_t;
  const auto found = compositions().find(pair_key(first, second));
  return found == compositions().end() ? 0 : found->second;
}

// Canonical ordering: marks of one run by class, equal classes in place.
void order_marks(std::u32string& text) {
  for (std::size_t i = 0; i < text.size();) {
    if (combining_class(text[i]) == 0) {
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    while (end < text.size() && combining_class(text[end]) != 0) ++end;
    std::stable_sort(text.begin() + static_cast<std::ptrdiff_t>(i),
                     text.begin() + static_cast<std::ptrdiff_t>(end), [](char32_t a, char32_t b) {
                       return combining_class(a) < combining_class(b);
                     });
    i = end;
  }
}

// Joins each character with the last starter unless one of the same or a higher class between them
// blocks it.
std::u32string compose_all(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  std::size_t starter = std::u32string::npos;
  int last_class = -1;  // of what was kept after the starter; -1: nothing was
  for (const char32_t c : text) {
    const int c_class = combining_class(c);
    if (starter != std::u32string::npos && last_class < c_class) {
      if (const char32_t joined = compose(out[starter], c); joined != 0) {
        out[starter] = joined;
        continue;
      }
    }
    if (c_class == 0) {
      starter = out.size();
      last_class = -1;
    } else {
      last_class = c_class;
    }
    out.push_back(c);
  }
  return out;
}

// Length and lead bits of a UTF-8 sequence, and the bounds of its second byte, which rule out
// overlong forms, surrogates and values above U+10FFFF.
struct Lead {
  int length;
  unsigned char mask, second_low, second_high;
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, 0x7F, 0, 0};
  if (byte >= 0xC2 && byte <= 0xDF) return {2, 0x1F, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0x0F, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x0F, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3, 0x0F, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x07, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4, 0x07, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x07, 0x80, 0x8F};
  return {0, 0, 0, 0};
}

}  // namespace

std::u32string decode_utf8(std::string_view bytes) {
  std::u32string text;
  text.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    const auto first = static_cast<unsigned char>(bytes[i++]);
    const Lead lead = lead_of(first);
    char32_t c = first & lead.mask;
    int seen = lead.length == 0 ? 0 : 1;
    while (seen > 0 && seen < lead.length && i < bytes.size()) {
      const auto next = static_cast<unsigned char>(bytes[i]);
      const unsigned char low = seen == 1 ? lead.second_low : 0x80;
      const unsigned char high = seen == 1 ? lead.second_high : 0xBF;
      if (next < low || next > high) break;
      c = (c << 6) | (next & 0x3FU);
      ++seen;
      ++i;
    }
    text.push_back(seen > 0 && seen == lead.length ? c : U'\uFFFD');
  }
  return text;
}

void append_utf8(char32_t code_point, std::string& bytes) {
  const auto put = [&bytes](char32_t byte) { bytes.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

std::u32string to_nfc(std::u32string_view text) {
  // Below U+0300 nothing combines and every composite is composed already.
  if (std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x300; }))
    return std::u32string(text);
  std::u32string decomposed;
  decomposed.reserve(text.size());
  for (const char32_t c : text) decompose(c, decomposed);
  order_marks(decomposed);
  return compose_all(decomposed);
}

std::u32string to_lower(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    if (c == 0x130) {  // I with a dot above keeps its dot
      out += U"i\u0307";
      continue;
    }
    const LowerRange* range = find_range(lower_cases, c);
    const bool has_lower = range != nullptr && (c - range->first) % range->stride == 0;
    out.push_back(has_lower ? static_cast<char32_t>(static_cast<std::int32_t>(c) + range->distance)
                            : c);
  }
  return out;
}

bool is_letter(char32_t c) {
  return find_range(letters, c) != nullptr;
}

bool is_number(char32_t c) {
  return find_range(numbers, c) != nullptr;
}

bool is_whitespace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

}  // namespace dream::engine
