// The tokenizer on a vocabulary small enough to follow by hand: what it refuses, how it cuts, and
// that long words stay cheap. Ids of real vocabularies are compared in tests/parity.
#include "sdk/engine/text/tokenizer.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace dream::engine {
namespace {

using Ids = std::vector<std::int64_t>;
using nlohmann::json;
namespace fs = std::filesystem;

// a..d and their word-final forms 0..7, merges "ab", "ab</w>", "cd</w>" 8..10, end 11, begin 12.
class Tokenizer : public testing::Test {
 protected:
  Tokenizer() {
    static std::atomic<int> serial{0};
    folder_ = fs::temp_directory_path() /
              ("dream_tokenizer_" + std::to_string(getpid()) + "_" + std::to_string(serial++));
    fs::create_directories(folder_);
    write("vocab.json", json{{"a", 0},
                             {"a</w>", 1},
                             {"b", 2},
                             {"b</w>", 3},
                             {"c", 4},
                             {"c</w>", 5},
                             {"d", 6},
                             {"d</w>", 7},
                             {"ab", 8},
                             {"ab</w>", 9},
                             {"cd</w>", 10},
                             {"<|endoftext|>", 11},
                             {"<|startoftext|>", 12}}
                            .dump());
    write("merges.txt", "#version: 0.2\na b\na b</w>\nc d</w>\n");
  }
  ~Tokenizer() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  ClipTokenizer load() const { return ClipTokenizer::load(folder_); }
  std::string refusal() const {
    try {
      load();
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }

  fs::path folder_;
};

TEST_F(Tokenizer, JoinsTheMostUrgentPairFirst) {
  const ClipTokenizer tokenizer = load();
  EXPECT_EQ(tokenizer.tokenize("ab"), Ids{9});
  EXPECT_EQ(tokenizer.tokenize("aba"), (Ids{8, 1}));
  EXPECT_EQ(tokenizer.tokenize("AB cd"), (Ids{9, 10}));
  EXPECT_EQ(tokenizer.tokenize("abab"), (Ids{8, 9}));
  EXPECT_EQ(tokenizer.tokenize(""), Ids{});
  EXPECT_EQ(tokenizer.tokenize(" \t\n "), Ids{});
}

TEST_F(Tokenizer, UnknownBytesBecomeTheUnknownToken) {
  EXPECT_EQ(load().tokenize("z"), Ids{11});
  EXPECT_EQ(load().tokenize("\xFF"), (Ids{11, 11, 11}));  // U+FFFD has three bytes
}

TEST_F(Tokenizer, SpecialTokensAreCutOutOfTheText) {
  EXPECT_EQ(load().tokenize("a<|endoftext|>b"), (Ids{1, 11, 3}));
  EXPECT_EQ(load().tokenize("<|startoftext|>"), Ids{12});
}

TEST_F(Tokenizer, EncodeFramesCutsAndPads) {
  write("tokenizer_config.json", R"({"model_max_length": 5, "pad_token": "c"})");
  const ClipTokenizer tokenizer = load();
  EXPECT_EQ(tokenizer.max_length(), 5);
  EXPECT_EQ(tokenizer.encode("a"), (Ids{12, 1, 11, 4, 4}));
  EXPECT_EQ(tokenizer.encode("a a a a a a"), (Ids{12, 1, 1, 1, 11}));
  EXPECT_EQ(tokenizer.bos(), 12);
  EXPECT_EQ(tokenizer.eos(), 11);
  EXPECT_EQ(tokenizer.pad(), 4);
}

TEST_F(Tokenizer, LengthIs77WhereTheFilesDoNotSay) {
  EXPECT_EQ(load().max_length(), 77);
  write("tokenizer_config.json", R"({"model_max_length": 1e30})");
  EXPECT_EQ(load().max_length(), 77);
}

TEST_F(Tokenizer, SpecialTokensOutsideTheVocabularyGetTheNextIds) {
  write("special_tokens_map.json", R"({"pad_token": "<pad>"})");
  EXPECT_EQ(load().pad(), 13);
}

TEST_F(Tokenizer, LongWordsTakeNoQuadraticTime) {
  const ClipTokenizer tokenizer = load();
  std::string word;
  for (int i = 0; i < 500'000; ++i) word += "ab";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(tokenizer.tokenize(word).size(), 500'000U);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_EQ(tokenizer.encode(word).size(), 77U);
}

TEST_F(Tokenizer, ErrorsNameTheFile) {
  EXPECT_NE(ClipTokenizer::load(folder_).max_length(), 0);
  const auto expect = [this](const std::string& file, const std::string& text) {
    write(file, text);
    EXPECT_NE(refusal().find(file), std::string::npos) << file << ": " << refusal();
    fs::remove(folder_ / file);
  };
  expect("tokenizer_config.json", "{");
  expect("tokenizer_config.json", "[]");
  expect("tokenizer_config.json", R"({"model_max_length": 1})");
  expect("tokenizer_config.json", R"({"model_max_length": "77"})");
  expect("tokenizer_config.json", R"({"padding_side": "left"})");
  expect("tokenizer_config.json", R"({"bos_token": 5})");
  expect("tokenizer_config.json", R"({"bos_token": ""})");
  expect("tokenizer_config.json", R"({"bos_token": {"content": "x", "single_word": true}})");
  expect("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "y"}}})");
  expect("special_tokens_map.json", R"({"eos_token": {"content": 1}})");
  expect("added_tokens.json", R"({"x": -1})");
  expect("tokenizer.json", R"({"model": {"type": "Unigram", "vocab": {}, "merges": []}})");
  expect("tokenizer.json", R"({"model": {"vocab": {"a": 0}, "merges": [["a"]]}})");
  expect("tokenizer.json", R"({"model": {"vocab": {"a": -1}, "merges": []}})");
  expect("merges.txt", "a\n");
}

TEST_F(Tokenizer, MergesOutsideTheVocabularyAreAnError) {
  write("merges.txt", "a z\n");
  EXPECT_NE(refusal().find("\"a z\""), std::string::npos);
}

TEST_F(Tokenizer, AnEmptyFolderIsAnError) {
  fs::remove(folder_ / "vocab.json");
  EXPECT_NE(refusal().find("neither vocab.json nor tokenizer.json"), std::string::npos);
}

}  // namespace
}  // namespace dream::engine
