// Names that lead to files of the model store, and names that must not lead anywhere.
#include "weights/store/model_store.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "weights/sha256.hpp"

namespace dream::weights {
namespace {

namespace fs = std::filesystem;

class ModelStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    base_ = fs::temp_directory_path() / (std::string("model_store_") + test->name());
    fs::remove_all(base_);
    write("secret.safetensors");
    for (const char* name : {"a.safetensors", "loras/b.safetensors", "loras/b.bin",
                             "loras/sub/c@2.pt", "loras/notes.txt", "embeddings/d.bin"})
      write(fs::path("models") / name);
  }
  void TearDown() override { fs::remove_all(base_); }

  void write(const fs::path& name) {
    fs::create_directories((base_ / name).parent_path());
    std::ofstream(base_ / name) << name.string();
  }
  std::string find(const std::string& name) const {
    const auto found = store().find(name, "loras");
    return found ? found->lexically_relative(base_ / "models").string() : "";
  }
  ModelStore store() const { return ModelStore(base_ / "models"); }

  fs::path base_;
};

TEST_F(ModelStoreTest, FindsByNameSuffixAndKind) {
  EXPECT_EQ(find("a"), "a.safetensors");
  EXPECT_EQ(find("b"), "loras/b.safetensors");
  EXPECT_EQ(find("b.bin"), "loras/b.bin");
  EXPECT_EQ(find("loras/b"), "loras/b.safetensors");
  EXPECT_EQ(find("sub/c@2"), "loras/sub/c@2.pt");
  EXPECT_EQ(find((base_ / "models/a.safetensors").string()), "a.safetensors");
  EXPECT_EQ(find("d"), "");
  EXPECT_EQ(find("loras"), "");
}

TEST_F(ModelStoreTest, FindsFolders) {
  EXPECT_EQ(store().find_folder("loras"), base_ / "models/loras");
  for (const char* name : {"a.safetensors", "gone", "", ".", "..", "../models/loras"})
    EXPECT_FALSE(store().find_folder(name)) << name;
  EXPECT_FALSE(ModelStore({}).find_folder("loras"));
}

TEST_F(ModelStoreTest, FindsNetworks) {
  write("models/controlnet-canny/config.json");
  EXPECT_FALSE(store().find_network("controlnet-canny")) << "a pull that was cut";
  write("models/controlnet-canny/diffusion_pytorch_model.safetensors");
  EXPECT_EQ(store().find_network("controlnet-canny"), base_ / "models/controlnet-canny");
  EXPECT_EQ(store().find_network("a"), base_ / "models/a.safetensors");
  for (const char* name : {"b", "../secret", "gone", ""})
    EXPECT_FALSE(store().find_network(name)) << name;
}

TEST_F(ModelStoreTest, SaysHowToGetWhatIsMissing) {
  const auto models = (base_ / "models").string();
  EXPECT_EQ(store().missing_weights("annotator-seg/pytorch_model.bin", "annotator-seg"),
            "the weights annotator-seg/pytorch_model.bin are missing: they are not in the model "
            "store " + models + "; get them with: dream weights pull annotator-seg");
  EXPECT_EQ(store().missing_weights("x/y.pth", "", "/weights/a"),
            "the weights x/y.pth are missing: they are not in the model's folder /weights/a, and "
            "not in the model store " + models + "; none are published under that name");
  EXPECT_EQ(ModelStore({}).missing_weights("x/y.pth", "x"),
            "the weights x/y.pth are missing: there is no model store (--models); get them with: "
            "dream weights pull x");
  EXPECT_EQ(ModelStore({}).missing_weights("x/y.pth", "x", "/weights/a"),
            "the weights x/y.pth are missing: they are not in the model's folder /weights/a, and "
            "there is no model store (--models); get them with: dream weights pull x");
}

TEST_F(ModelStoreTest, FindsWholeModels) {
  write("models/sd-1.5/model_index.json");
  write("models/single/v1-5.safetensors");
  write("models/two/a.ckpt");
  write("models/two/b.ckpt");
  write("models/mine.zip");
  EXPECT_EQ(store().find_model("sd-1.5"), base_ / "models/sd-1.5");
  EXPECT_EQ(store().find_model("single"), base_ / "models/single/v1-5.safetensors");
  EXPECT_EQ(store().find_model("mine"), base_ / "models/mine.zip");
  EXPECT_EQ(store().find_model("mine.zip"), base_ / "models/mine.zip");
  for (const char* name : {"two", "gone", "../secret", "/etc", "", ".", "loras/../../secret"})
    EXPECT_FALSE(store().find_model(name)) << name;
  EXPECT_EQ(store().missing_model("x"),
            "the model store has no model 'x'; there are: sd-1.5");
}

TEST_F(ModelStoreTest, NamesNeverLeadOut) {
  for (const std::string name :
       {"../secret", "../secret.safetensors", "loras/../../secret.safetensors", "/etc/passwd", "",
        ".", "..", "/"})
    EXPECT_EQ(find(name), "") << name;
  EXPECT_EQ(find((base_ / "secret.safetensors").string()), "");
  EXPECT_EQ(find((base_ / "models/../secret.safetensors").string()), "");
  EXPECT_EQ(find(std::string("a\0b", 3)), "");
}

TEST_F(ModelStoreTest, SaysWhatThereIs) {
  EXPECT_EQ(store().names("loras"), (std::vector<std::string>{"b", "sub/c@2"}));
  EXPECT_EQ(store().missing("x", "loras"), "the model store has no 'x'; there are: b, sub/c@2");
  EXPECT_EQ(store().missing("x", "none"),
            "the model store has no 'x'; its folder none is empty or not there");
}

TEST(ScaledReference, TakesTheStrengthFromTheRight) {
  const auto parse = [](const char* text) {
    const auto parsed = parse_scaled_reference(text);
    return std::pair(parsed.reference, parsed.scale);
  };
  using Pair = std::pair<std::string, double>;
  EXPECT_EQ(parse("style"), Pair("style", 1.0));
  EXPECT_EQ(parse("style@0.8"), Pair("style", 0.8));
  EXPECT_EQ(parse("style@-1"), Pair("style", -1.0));
  EXPECT_EQ(parse("style@+.5"), Pair("style", 0.5));
  EXPECT_EQ(parse("a@b"), Pair("a@b", 1.0));
  EXPECT_EQ(parse("a@2@0.5"), Pair("a@2", 0.5));
  EXPECT_EQ(parse("style@"), Pair("style@", 1.0));
  EXPECT_EQ(parse("@2"), Pair("@2", 1.0));
  EXPECT_EQ(parse("https://me@host/x.bin"), Pair("https://me@host/x.bin", 1.0));
}

// Examples of FIPS 180-2, appendix B.
TEST(Sha256, MatchesTheStandardsExamples) {
  const auto digest = [](const std::string& text, std::size_t piece) {
    Sha256 sha;
    const auto bytes = std::as_bytes(std::span(text));
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      sha.update(bytes.subspan(at, std::min(piece, bytes.size() - at)));
    return sha.finish();
  };
  EXPECT_EQ(digest("", 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest("abc", 1), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 7),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  for (const std::size_t piece : {1, 55, 64, 1000})
    EXPECT_EQ(digest(std::string(1'000'000, 'a'), piece),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace dream::weights
