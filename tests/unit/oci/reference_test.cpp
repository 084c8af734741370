// Names of images: what is taken, what is refused, and what a text means.
#include "host/oci/reference.hpp"

#include <gtest/gtest.h>

#include "host/oci/errors.hpp"
#include "host/oci/image_name.hpp"
#include "tests/unit/temporary_folder.hpp"

namespace dream::host::oci {
namespace {

const std::string some_digest = "sha256:" + std::string(64, 'a');

TEST(Reference, PartsOfAName) {
  const Reference full = parse_reference("localhost:5000/me/my-model:v1.2@" + some_digest);
  EXPECT_EQ(full.registry, "localhost:5000");
  EXPECT_EQ(full.repository, "me/my-model");
  EXPECT_EQ(full.tag, "v1.2");
  EXPECT_EQ(full.manifest_key(), some_digest);
  EXPECT_EQ(full.text(), "localhost:5000/me/my-model:v1.2@" + some_digest);
  EXPECT_EQ(parse_reference("r8.im/me/model").manifest_key(), "latest");
  EXPECT_EQ(parse_reference("[::1]:5000/a:x").registry, "[::1]:5000");
  EXPECT_EQ(parse_reference("a.b/c__d/e.f/g---h").repository, "c__d/e.f/g---h");
}

TEST(Reference, DockerHubHasItsOwnAddressAndLibrary) {
  EXPECT_EQ(parse_reference("docker.io/debian:12").text(),
            "registry-1.docker.io/library/debian:12");
  EXPECT_EQ(parse_reference("docker.io/me/model").repository, "me/model");
}

class BadReference : public testing::TestWithParam<std::string> {};

TEST_P(BadReference, IsRefusedByName) {
  try {
    parse_reference(GetParam());
    FAIL() << "'" << GetParam() << "' was taken";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("is no name of an image"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadReference,
    testing::Values("", "/", "model", "me/model:1", "r8.im/", "r8.im/Me/model", "r8.im/me//model",
                    "r8.im/me/model:", "r8.im/me/model:.x", "r8.im/me/-model", "r8.im/me/a..b",
                    "r8.im/me/a___b", "r8.im/me/model@sha256:abc",
                    "r8.im/me/model@" + some_digest + "0", "r8.im:0/a", "r8.im:99999/a",
                    "r8.im:x/a", "-r8.im/a", "r8..im/a", "[::g]:1/a",
                    "r8.im/me/model:" + std::string(129, 't'), "r8.im/" + std::string(256, 'a'),
                    "http://r8.im/me/model", "r8.im/me/model?x=1", "r8.im/me/../model",
                    "user@r8.im/model", "r8.im/me/model:1 ", "r8.im/me/mo\ndel"));

TEST(Reference, Loopback) {
  for (const char* const name :
       {"localhost", "localhost:5000", "127.0.0.1:1", "127.9.9.9", "[::1]:5000", "x.localhost"})
    EXPECT_TRUE(is_loopback(name)) << name;
  for (const char* const name :
       {"r8.im", "128.0.0.1", "localhost.example.com", "10.0.0.1:5000", "127.example.com"})
    EXPECT_FALSE(is_loopback(name)) << name;
}

TEST(ImageName, LayoutsAndRegistriesAreToldApart) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() / "my.dir/x");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  EXPECT_TRUE(parse_image_name("my.dir/x").layout) << "it is there on disk";
  EXPECT_TRUE(parse_image_name("other.dir/x:1").registry);
  std::filesystem::current_path(before);
  EXPECT_TRUE(parse_image_name("out").layout);
  EXPECT_TRUE(parse_image_name("out/image").layout);
  EXPECT_TRUE(parse_image_name("./r8.im/x:1").layout);
  EXPECT_TRUE(parse_image_name("oci:r8.im/x:1").layout);
  EXPECT_TRUE(parse_image_name("docker://r8.im/x:1").registry);
  EXPECT_TRUE(parse_image_name("localhost/x:1").registry);
}

TEST(ImageName, TagsOfLayouts) {
  const LayoutName name = parse_layout_name("/a:b/layout:mine");
  EXPECT_EQ(name.path, "/a:b/layout");
  EXPECT_EQ(name.tag, "mine");
  EXPECT_EQ(parse_layout_name("/a:b/layout").tag, "");
  EXPECT_EQ(parse_layout_name("x@" + some_digest).digest->text(), some_digest);
  EXPECT_THROW(parse_layout_name("layout:"), InputError);
  EXPECT_THROW(parse_layout_name("layout:a b"), InputError);
  EXPECT_THROW(parse_layout_name(""), InputError);
}

TEST(Digest, OnlySha256InSmallLetters) {
  EXPECT_EQ(Digest::of("").text(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_TRUE(Digest::parse(some_digest));
  EXPECT_FALSE(Digest::parse("sha256:" + std::string(64, 'A')));
  EXPECT_FALSE(Digest::parse("sha512:" + std::string(128, 'a')));
  EXPECT_FALSE(Digest::parse(std::string(64, 'a')));
}

}  // namespace
}  // namespace dream::host::oci
