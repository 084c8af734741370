// Edges of UTF-8, normalization and lower case; tests/parity compares whole planes.
#include "sdk/engine/text/unicode.hpp"

#include <gtest/gtest.h>

namespace dream::engine {
namespace {

TEST(Utf8, RoundTripsEveryLength) {
  const std::u32string text = U"a\u00e9\u20ac\U0001f98a\U0010ffff";
  std::string bytes;
  for (const char32_t c : text) append_utf8(c, bytes);
  EXPECT_EQ(bytes, "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA6\x8A\xF4\x8F\xBF\xBF");
  EXPECT_EQ(decode_utf8(bytes), text);
}

TEST(Utf8, EachIllFormedPartBecomesOneReplacement) {
  EXPECT_EQ(decode_utf8("\x80"), U"\uFFFD");
  EXPECT_EQ(decode_utf8("\xC3"), U"\uFFFD");
  EXPECT_EQ(decode_utf8("\xC3(a"), U"\uFFFD(a");
  EXPECT_EQ(decode_utf8("\xC0\xAF"), U"\uFFFD\uFFFD");            // overlong
  EXPECT_EQ(decode_utf8("\xE2\x82x"), U"\uFFFDx");                // cut short
  EXPECT_EQ(decode_utf8("\xED\xA0\x80"), U"\uFFFD\uFFFD\uFFFD");  // surrogate
  EXPECT_EQ(decode_utf8("\xF4\x90\x80\x80").size(), 4U);          // above U+10FFFF
  EXPECT_EQ(decode_utf8("\xF0\x9F\xA6"), U"\uFFFD");
  EXPECT_EQ(decode_utf8(std::string_view("a\0b", 3)), std::u32string_view(U"a\0b", 3));
}

TEST(Nfc, ComposesAndReorders) {
  EXPECT_EQ(to_nfc(U"e\u0301"), U"\u00e9");
  EXPECT_EQ(to_nfc(U"\u212b"), U"\u00c5");                // singleton
  EXPECT_EQ(to_nfc(U"q\u0307\u0323"), U"q\u0323\u0307");  // marks in class order
  EXPECT_EQ(to_nfc(U"a\u0323\u0301"), U"\u1ea1\u0301");   // blocked by nothing
  EXPECT_EQ(to_nfc(U"\u0915\u093c"), U"\u0915\u093c");    // excluded from composition
  EXPECT_EQ(to_nfc(U"\u0958"), U"\u0915\u093c");
  EXPECT_EQ(to_nfc(U"\u0301a"), U"\u0301a");  // a mark with nothing before it
}

TEST(Nfc, HangulIsComputed) {
  EXPECT_EQ(to_nfc(U"\u1100\u1161\u11a8"), U"\uac01");
  EXPECT_EQ(to_nfc(U"\uac00\u11a8"), U"\uac01");
  EXPECT_EQ(to_nfc(U"\uac01\u11a8"), U"\uac01\u11a8");
  EXPECT_EQ(to_nfc(U"\uac00\u11a7"), U"\uac00\u11a7");  // not a final consonant
}

TEST(Nfc, LongRunsOfMarksAreSorted) {
  std::u32string text = U"a";
  for (int i = 0; i < 100'000; ++i) text += i % 2 == 0 ? U'\u0316' : U'\u0334';
  const std::u32string sorted = to_nfc(text);
  ASSERT_EQ(sorted.size(), text.size());
  EXPECT_EQ(sorted[1], U'\u0334');
  EXPECT_EQ(sorted.back(), U'\u0316');
}

TEST(Lower, GoesCharacterByCharacter) {
  EXPECT_EQ(to_lower(U"ÀÉ Straße ΣΑΣ"), U"àé straße σασ");  // no final sigma
  EXPECT_EQ(to_lower(U"\u0130"), U"i\u0307");
  EXPECT_EQ(to_lower(U"\u01c5\u1e9e\U00010400"), U"\u01c6\u00df\U00010428");
  EXPECT_EQ(to_lower(U"\u0101\u0100\u0102"), U"\u0101\u0101\u0103");  // every second one
}

TEST(Classes, AreLettersNumbersAndWhitespace) {
  for (const char32_t c : std::u32string_view(U"aé漢ªʰ한")) EXPECT_TRUE(is_letter(c));
  for (const char32_t c : std::u32string_view(U"0٣½Ⅷ〇")) EXPECT_TRUE(is_number(c));
  for (const char32_t c : {0x20, 0x09, 0x85, 0xA0, 0x3000}) EXPECT_TRUE(is_whitespace(c));
  for (const char32_t c : {0x1C, 0x1F, 0x200B, 0x180E, 0xFEFF}) EXPECT_FALSE(is_whitespace(c));
  EXPECT_FALSE(is_letter(U'\u0301'));
  EXPECT_FALSE(is_letter(0x10FFFF));
}

}  // namespace
}  // namespace dream::engine
