// Layers are the same bytes for the same files, whatever the order they come in.
#include "host/oci/layer.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>

#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

LayerFile file_of(const std::string& path, const std::string& content) {
  return {path, content.size(),
          [content](const Take& take) { take(std::as_bytes(std::span(content))); }};
}

Layer write(const std::vector<LayerFile>& files, Compression compression, std::string& bytes) {
  bytes.clear();
  return write_layer(
      files, compression,
      [&](std::span<const std::byte> piece) {
        bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      },
      {}, "packing");
}

struct Entry {
  std::string path, content;
  unsigned type, mode;
  std::int64_t time, owner;
};

std::vector<Entry> read_back(const std::string& bytes) {
  std::setlocale(LC_CTYPE, "C.UTF-8");  // for names in libarchive's reader
  std::vector<Entry> entries;
  struct archive* const reader = archive_read_new();
  archive_read_support_format_tar(reader);
  archive_read_support_filter_all(reader);
  archive_read_open_memory(reader, bytes.data(), bytes.size());
  for (archive_entry* entry = nullptr; archive_read_next_header(reader, &entry) == ARCHIVE_OK;) {
    std::string content(static_cast<std::size_t>(archive_entry_size(entry)), '\0');
    archive_read_data(reader, content.data(), content.size());
    const char* const name = archive_entry_pathname_utf8(entry);
    entries.push_back({name != nullptr ? name : "", content, archive_entry_filetype(entry),
                       archive_entry_perm(entry), archive_entry_mtime(entry),
                       archive_entry_uid(entry) + archive_entry_gid(entry)});
  }
  archive_read_free(reader);
  return entries;
}

const std::vector<LayerFile> files = {
    file_of("src/weights/unet/config.json", "{}"), file_of("src/weights/unet.txt", "hello"),
    file_of("src/weights/empty", ""),
    file_of("src/weights/" + std::string(120, 'd') + "/" + std::string(200, 'f'), "long"),
    file_of("src/weights/ünïcode-文字", "utf-8")};

TEST(Layer, HoldsFoldersBeforeFilesInOrder) {
  std::string bytes;
  write(files, Compression::none, bytes);
  std::vector<std::string> paths;
  for (const Entry& entry : read_back(bytes)) {
    paths.push_back(entry.path);
    const bool folder = entry.path.ends_with('/');
    EXPECT_EQ(entry.type, static_cast<unsigned>(folder ? AE_IFDIR : AE_IFREG)) << entry.path;
    EXPECT_EQ(entry.mode, folder ? 0755u : 0644u) << entry.path;
    EXPECT_EQ(entry.time, 0) << entry.path;
    EXPECT_EQ(entry.owner, 0) << entry.path;
  }
  const std::string folder = "src/weights/" + std::string(120, 'd') + "/";
  EXPECT_THAT(paths,
              testing::ElementsAre("src/", "src/weights/", folder, folder + std::string(200, 'f'),
                                   "src/weights/empty", "src/weights/unet.txt", "src/weights/unet/",
                                   "src/weights/unet/config.json", "src/weights/ünïcode-文字"));
  EXPECT_EQ(bytes.size() % 512, 0u);
}

TEST(Layer, OrderOfTheFilesDoesNotMatter) {
  std::string first, second;
  std::vector<LayerFile> reversed(files.rbegin(), files.rend());
  for (const Compression kind : {Compression::none, Compression::gzip, Compression::zstd}) {
    const Layer one = write(files, kind, first);
    const Layer two = write(reversed, kind, second);
    EXPECT_EQ(first, second);
    EXPECT_EQ(one.digest, two.digest);
    EXPECT_EQ(one.digest, Digest::of(first));
    EXPECT_EQ(one.bytes, first.size());
  }
}

// Of one file: a change here changes the version of every model that is built again.
TEST(Layer, TheBytesAreThoseOfEveryRelease) {
  std::string bytes;
  const Layer layer = write({file_of("src/weights/a.txt", "a\n")}, Compression::none, bytes);
  EXPECT_EQ(bytes.size(), 3u * 512 + 512 + 1024);
  EXPECT_EQ(layer.digest.text(),
            "sha256:acf01d4c8bdcf51f3dc74ecaee3142b32c0ed79f506425da9021ab7239e10726");
}

TEST(Layer, CompressedOnesHoldTheSameTar) {
  std::string plain, packed;
  const Layer tar = write(files, Compression::none, plain);
  for (const Compression kind : {Compression::gzip, Compression::zstd}) {
    const Layer layer = write(files, kind, packed);
    EXPECT_EQ(layer.diff_id, tar.digest);
    EXPECT_NE(layer.digest, layer.diff_id);
    EXPECT_LT(packed.size(), plain.size());
    EXPECT_EQ(read_back(packed).size(), read_back(plain).size());
  }
  write(files, Compression::gzip, packed);
  EXPECT_EQ(packed.substr(4, 4), std::string(4, '\0')) << "no time in gzip's header";
}

TEST(Layer, FilesThatGiveOtherSizesEndIt) {
  std::string bytes;
  LayerFile more = file_of("a", "1234"), less = file_of("a", "1234");
  more.bytes = 3;
  less.bytes = 5;
  EXPECT_THROW(write({more}, Compression::none, bytes), Error);
  EXPECT_THROW(write({less}, Compression::gzip, bytes), Error);
}

TEST(Layer, CancelEndsIt) {
  std::atomic<bool> canceled = true;
  Control control;
  control.canceled = &canceled;
  EXPECT_THROW(write_layer(
                   files, Compression::none, [](auto) {}, control, "x"),
               Canceled);
}

TEST(Layer, WhatTheSinkThrowsComesThrough) {
  const Take full = [](std::span<const std::byte>) { throw std::length_error("full"); };
  const std::string large(4 << 20, 'x');
  EXPECT_THROW(write_layer({file_of("a", large)}, Compression::none, full, {}, "x"),
               std::length_error);
  EXPECT_THROW(write_layer({file_of("a", large)}, Compression::gzip, full, {}, "x"),
               std::length_error);
}

}  // namespace
}  // namespace dream::host::oci
