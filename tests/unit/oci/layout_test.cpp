// Layouts on disk: whole or not there, and distrusted when they come from elsewhere.
#include "host/oci/layout.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/oci/errors.hpp"
#include "host/oci/image_source.hpp"
#include "host/oci/upload_memory.hpp"
#include "tests/unit/temporary_folder.hpp"

namespace dream::host::oci {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Layout, WritesWhatItReads) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "new/layout";
  Descriptor blob{"", Digest::of(""), 0};
  {
    Layout layout = Layout::create(path);
    EXPECT_FALSE(fs::exists(path / "index.json")) << "until there is an image";
    blob = layout.write("{}", "text");
    layout.tag(to_document(blob), "one");
    layout.tag(to_document(blob), "one");
    layout.tag(to_document(layout.write("[]", "text")), "two");
    EXPECT_THAT(error_of([&] { Layout::create(path); }), HasSubstr("another process"));
  }
  EXPECT_FALSE(fs::exists(path / ".dream")) << "nothing is left of the work";
  const Layout layout = Layout::open(path);
  EXPECT_EQ(layout.index()["manifests"].size(), 2u);
  EXPECT_EQ(layout.read(blob, "x"), "{}");
  EXPECT_TRUE(layout.is_sound(blob, {}));
  EXPECT_EQ(find_in_layout(layout, {path, "one", {}})["digest"], blob.digest.text());
  EXPECT_THAT(error_of([&] {
                find_in_layout(layout, {path, "", {}});
              }),
              HasSubstr("holds several images"));
  EXPECT_THAT(error_of([&] {
                find_in_layout(layout, {path, "three", {}});
              }),
              HasSubstr("holds no image :three; there is one, two"));
}

TEST(Layout, DamageIsSeen) {
  const TemporaryFolder folder;
  Layout layout = Layout::create(folder.path() / "l");
  const Descriptor blob = layout.write("{}", "text");
  folder.write("l/blobs/sha256/" + blob.digest.hex(), "[]");
  EXPECT_FALSE(layout.is_sound(blob, {}));
  EXPECT_THAT(error_of([&] { layout.read(blob, "x"); }), HasSubstr("is damaged"));
  fs::remove(layout.blob_path(blob.digest));
  EXPECT_THAT(error_of([&] { layout.read(blob, "x"); }), HasSubstr("is missing"));
}

TEST(Layout, OtherFoldersAreLeftAlone) {
  const TemporaryFolder folder;
  folder.write("full/file", "x");
  EXPECT_THAT(error_of([&] { Layout::create(folder.path() / "full"); }),
              HasSubstr("is no OCI image layout"));
  EXPECT_THAT(error_of([&] { Layout::create(folder.path() / "full/file"); }),
              HasSubstr("is no folder"));
  EXPECT_THAT(error_of([&] { Layout::open(folder.path() / "none"); }), HasSubstr("no such folder"));
  folder.write("old/oci-layout", R"({"imageLayoutVersion":"2.0"})");
  EXPECT_THAT(error_of([&] { Layout::open(folder.path() / "old"); }), HasSubstr("version '2.0'"));
  folder.write("bad/oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  folder.write("bad/index.json", R"({"manifests":[{"digest":"sha256:../../etc/passwd"}]})");
  EXPECT_THAT(error_of([&] { Layout::open(folder.path() / "bad").index(); }), HasSubstr("image 1"));
}

TEST(UploadMemory, KeepsAddressesPerBlobAndRepository) {
  const TemporaryFolder folder;
  const Descriptor blob{"", Digest::of("x"), 1};
  const UploadMemory memory(folder.path() / "m", "r", "a", blob);
  EXPECT_FALSE(memory.load());
  memory.save("http://r/upload");
  EXPECT_EQ(memory.load(), "http://r/upload");
  EXPECT_FALSE(UploadMemory(folder.path() / "m", "r", "b", blob).load());
  const auto file = *fs::directory_iterator(folder.path() / "m");
  EXPECT_EQ(file.status().permissions(), fs::perms::owner_read | fs::perms::owner_write);
  std::ofstream(file.path()) << "{\"location\":7}";
  EXPECT_FALSE(memory.load());
  memory.forget();
  EXPECT_TRUE(fs::is_empty(folder.path() / "m"));
  const UploadMemory nowhere({}, "r", "a", blob);
  nowhere.save("x");
  EXPECT_FALSE(nowhere.load());
}

}  // namespace
}  // namespace dream::host::oci
