// What becomes a layer: the same from a folder and from an archive, and nothing that leads astray.
#include "weights/store/weight_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/temporary_folder.hpp"
#include "tests/unit/weights/files.hpp"
#include "weights/formats/crc32.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::zip;
using testing::ZipEntry;

std::uint32_t crc_of(const std::string& text) {
  return add_to_crc(0, std::as_bytes(std::span(text)));
}
ZipEntry stored(const std::string& name, const std::string& content) {
  ZipEntry entry{name, content};
  entry.crc = crc_of(content);
  return entry;
}
ZipEntry special(const std::string& name, std::uint16_t mode) {
  ZipEntry entry = stored(name, "x");
  entry.unix_mode = mode;
  return entry;
}
// Stored blocks of deflate: any size, whatever the content.
ZipEntry deflated(const std::string& name, const std::string& content) {
  std::string stream;
  for (std::size_t at = 0; at < content.size(); at += 50'000) {
    const std::string part = content.substr(at, 50'000);
    stream += at + part.size() == content.size() ? '\1' : '\0';
    stream += testing::le(part.size(), 2) + testing::le(part.size() ^ 0xFFFF, 2) + part;
  }
  ZipEntry entry{name, stream, 8};
  entry.crc = crc_of(content);
  entry.plain_bytes = content.size();
  return entry;
}

std::string content_of(const WeightTree& tree, const WeightTree::File& file) {
  std::string content;
  tree.read(file, [&](std::span<const std::byte> piece) {
    content.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  return content;
}

std::vector<std::string> listing(const WeightTree& tree) {
  std::vector<std::string> lines;
  for (const auto& file : tree.files()) lines.push_back(file.path + "=" + content_of(tree, file));
  return lines;
}

class WeightTreeTest : public ::testing::Test {
 protected:
  WeightTree archive(const std::vector<ZipEntry>& entries, const WeightTreeLimits& limits = {}) {
    return WeightTree::open(folder_.write("output.zip", zip(entries)), limits);
  }
  std::string error(const std::vector<ZipEntry>& entries, const WeightTreeLimits& limits = {}) {
    try {
      for (const WeightTree tree = archive(entries, limits); const auto& file : tree.files())
        content_of(tree, file);
    } catch (const Error& refusal) {
      return refusal.what();
    }
    return "no error";
  }

  const TemporaryFolder folder_;
};

TEST_F(WeightTreeTest, FoldersAndArchivesGiveTheSame) {
  folder_.write("model/unet/b.bin", "bytes");
  folder_.write("model/model_index.json", "{}");
  folder_.write("model/unet.txt", "");
  folder_.write("model/.git/config", "x");
  folder_.write("model/unet/.DS_Store", "x");
  const WeightTree folder = WeightTree::open(folder_.path() / "model");
  EXPECT_THAT(listing(folder), ElementsAre("model_index.json={}", "unet.txt=", "unet/b.bin=bytes"));
  EXPECT_THAT(folder.left_out(), ::testing::UnorderedElementsAre(".git", "unet/.DS_Store"));
  EXPECT_EQ(folder.bytes(), 7u);
  EXPECT_TRUE(folder.has_model());
  const WeightTree zipped = archive({stored("unet/", ""), stored("unet/b.bin", "bytes"),
                                     stored("unet.txt", ""), stored("model_index.json", "{}")});
  EXPECT_EQ(listing(zipped), listing(folder));
  const WeightTree packed = archive({stored("m/unet/b.bin", "bytes"), stored("m/unet.txt", ""),
                                     stored("m/model_index.json", "{}"), stored("__MACOSX/x", "")});
  EXPECT_EQ(listing(packed), listing(folder)) << "the one folder in it is the model";
}

TEST_F(WeightTreeTest, LargeDeflatedFilesComeInPieces) {
  std::string content;
  for (int i = 0; content.size() < 1'200'000; ++i) content += std::to_string(i) + ",";
  const WeightTree tree = archive({deflated("a", content)});
  std::size_t most = 0;
  std::string got;
  tree.read(tree.files()[0], [&](std::span<const std::byte> piece) {
    most = std::max(most, piece.size());
    got.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  EXPECT_EQ(got, content);
  EXPECT_LE(most, 300'000u);
}

TEST_F(WeightTreeTest, PathsThatLeadAstrayAreRefused) {
  for (const char* const path : {"../x", "a/../x", "/etc/x", "a//b", "a/./b", "./a"})
    EXPECT_THAT(error({stored(path, "")}), HasSubstr("not a plain path")) << path;
  EXPECT_THAT(error({stored("a\\b", "")}), HasSubstr("backslash"));
  EXPECT_THAT(error({stored("a\nb", "")}), HasSubstr("control character"));
  EXPECT_THAT(error({stored("a/.wh.b", "")}), HasSubstr("means a deletion"));
  EXPECT_THAT(error({stored(".wh..wh..opq", "")}), HasSubstr("means a deletion"));
  EXPECT_THAT(error({stored("\xff", "")}), HasSubstr("not UTF-8"));
  EXPECT_THAT(error({stored(std::string(256, 'a'), "")}), HasSubstr("too long"));
  EXPECT_THAT(error({stored("a", ""), stored("a/b", "")}), HasSubstr("is a file and a folder"));
  EXPECT_THAT(error({stored("m/model_index.json", ""), stored("../x", "")}),
              HasSubstr("not a plain path"))
      << "beside the model too";
}

TEST_F(WeightTreeTest, LinksAndDevicesAreRefused) {
  for (const std::uint16_t mode : {0120777, 0020666, 0010644, 0060600, 0140755, 0040755})
    EXPECT_THAT(error({special("a", mode)}), HasSubstr("special file")) << mode;
  EXPECT_EQ(error({special("a", 0100600)}), "no error");
  EXPECT_EQ(error({special("a", 0600)}), "no error") << "a mode without a type, as Python writes";
  folder_.write("model/a", "x");
  fs::create_symlink("a", folder_.path() / "model/link");
  EXPECT_THAT(listing(WeightTree::open(folder_.path() / "model")), ElementsAre("a=x", "link=x"));
  fs::create_directory_symlink("/etc", folder_.path() / "model/etc");
  EXPECT_THROW(WeightTree::open(folder_.path() / "model"), Error);
}

TEST_F(WeightTreeTest, BombsAndDamageAreRefused) {
  EXPECT_THAT(error({stored("a", ""), stored("b", "")}, {1, 100}), HasSubstr("more than 1 files"));
  EXPECT_THAT(error({stored("a", "12345")}, {9, 4}), HasSubstr("more than 4 bytes"));
  ZipEntry bomb = deflated("a", "1234");
  bomb.plain_bytes = 0xFFFFFFF0;
  EXPECT_THAT(error({bomb}), HasSubstr("more than is allowed"));
  ZipEntry many = deflated("a", "1234");
  many.plain_bytes = 40u << 20;
  std::vector<ZipEntry> entries;
  for (const char* const name : {"a", "b", "c"})
    entries.push_back(many), entries.back().name = name;
  EXPECT_THAT(error(entries), HasSubstr("would unpack to")) << "each alone would be let through";
  ZipEntry damaged = stored("a", "1234");
  damaged.crc ^= 1;
  EXPECT_THAT(error({damaged}), HasSubstr("checksum"));
  ZipEntry shorter = deflated("a", "1234");
  shorter.plain_bytes = 5;
  EXPECT_THAT(error({shorter}), HasSubstr("shorter than announced"));
}

TEST_F(WeightTreeTest, WhatHoldsNoFilesIsRefused) {
  EXPECT_THAT(error({stored("a/", "")}), HasSubstr("holds no files"));
  EXPECT_THROW(WeightTree::open(folder_.write("x.bin", "no zip")), Error);
  EXPECT_THROW(WeightTree::open(folder_.path() / "missing"), Error);
  fs::create_directory(folder_.path() / "empty");
  EXPECT_THROW(WeightTree::open(folder_.path() / "empty"), Error);
}

}  // namespace
}  // namespace dream::weights
