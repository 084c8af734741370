// Documents of registries: bounded, typed, and refused with a reason.
#include "host/oci/manifest.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

using testing::HasSubstr;

const std::string digest = "sha256:" + std::string(64, 'a');

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

Document index_of(const std::vector<std::string>& platforms) {
  Document index = {{"schemaVersion", 2}, {"manifests", Document::array()}};
  for (std::size_t i = 0; i < platforms.size(); ++i) {
    const std::string hex = fmt::format("{:064x}", i);
    Document entry = {
        {"mediaType", media_type::oci_manifest}, {"digest", "sha256:" + hex}, {"size", 10}};
    if (!platforms[i].empty()) {
      const Platform platform = Platform::parse(platforms[i]);
      entry["platform"] = {{"os", platform.os},
                           {"architecture", platform.architecture},
                           {"variant", platform.variant}};
    }
    index["manifests"].push_back(entry);
  }
  return index;
}

char chosen(const std::vector<std::string>& platforms, const std::string& wanted) {
  return choose_platform(index_of(platforms), Platform::parse(wanted), "x").digest.text().back();
}

TEST(Document, IsBounded) {
  EXPECT_THAT(error_of([] { parse_document("[]", "x"); }), HasSubstr("x: is no JSON object"));
  EXPECT_THAT(error_of([] { parse_document("{", "x"); }), HasSubstr("is no JSON"));
  EXPECT_THAT(error_of([] { parse_document(std::string(9 << 20, ' '), "x"); }),
              HasSubstr("more than the 8388608"));
  std::string deep = "{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  EXPECT_THAT(error_of([&] { parse_document(deep, "x"); }), HasSubstr("deeper than 64"));
  EXPECT_THAT(error_of([] { write_document({{"a", "\xff"}}, "x"); }), HasSubstr("UTF-8"));
}

TEST(Platform, FirstThatMatches) {
  EXPECT_EQ(chosen({"linux/arm64", "linux/amd64"}, "linux/amd64"), '1');
  EXPECT_EQ(chosen({"linux/arm/v6", "linux/arm/v7"}, "linux/arm/v7"), '1');
  EXPECT_EQ(chosen({"linux/arm/v6", "linux/arm/v7"}, "linux/arm"), '0');
  EXPECT_EQ(chosen({"unknown/unknown", "linux/amd64"}, "linux/amd64"), '1') << "an attestation";
  EXPECT_EQ(chosen({""}, "linux/amd64"), '0') << "one image that names none";
  EXPECT_THAT(error_of([] {
                chosen({"linux/arm64", "windows/amd64"}, "linux/amd64");
              }),
              HasSubstr("no image for linux/amd64; there is linux/arm64, windows/amd64"));
  EXPECT_THAT(error_of([] { chosen({"", ""}, "linux/amd64"); }), HasSubstr("name no platform"));
  for (const char* const bad : {"", "linux", "linux/", "/amd64", "a/b/c/d"})
    EXPECT_THAT(error_of([&] { Platform::parse(bad); }), HasSubstr("is no platform")) << bad;
}

struct BadManifest {
  std::string text, reason;
};
class BadManifests : public testing::TestWithParam<BadManifest> {};

TEST_P(BadManifests, AreRefusedWithTheReason) {
  EXPECT_THAT(error_of([&] {
                const Document document = parse_document(GetParam().text, "x");
                const std::string type = manifest_media_type(document, "", "x");
                if (type == media_type::oci_index)
                  parse_index(document, "x");
                else
                  parse_image_manifest(document, "x");
              }),
              HasSubstr(GetParam().reason));
}

std::string manifest_with(const std::string& config, const std::string& layers) {
  return fmt::format(R"({{"schemaVersion":2,"config":{},"layers":{}}})", config, layers);
}
std::string descriptor(const std::string& type, const std::string& sum, const std::string& size) {
  return fmt::format(R"({{"mediaType":{},"digest":{},"size":{}}})", type, sum, size);
}
const std::string good = descriptor("\"t\"", '"' + digest + '"', "3");

INSTANTIATE_TEST_SUITE_P(
    Table, BadManifests,
    testing::Values(
        BadManifest{"{}", "\"schemaVersion\" must be 2"},
        BadManifest{R"({"schemaVersion":1,"fsLayers":[]})", "schema 1"},
        BadManifest{R"({"schemaVersion":"2"})", "\"schemaVersion\" must be 2"},
        BadManifest{R"({"schemaVersion":2,"mediaType":7})", "\"mediaType\" must be a text"},
        BadManifest{R"({"schemaVersion":2,"mediaType":"text/html"})", "is of type text/html"},
        BadManifest{R"({"schemaVersion":2,"manifests":{}})", "\"manifests\" must be a list"},
        BadManifest{R"({"schemaVersion":2,"manifests":[1]})", "image 1: must be an object"},
        BadManifest{R"({"schemaVersion":2,"layers":[]})", "has no \"config\""},
        BadManifest{R"({"schemaVersion":2,"config":[],"layers":[]})",
                    "\"config\" must be an object"},
        BadManifest{manifest_with(good, "null"), "has no \"layers\""},
        BadManifest{manifest_with(good, "[{}]"), "layer 1: \"mediaType\""},
        BadManifest{manifest_with(good, "[" + descriptor("\"t\"", "\"sha256:x\"", "3") + "]"),
                    "layer 1: \"digest\" is 'sha256:x'"},
        BadManifest{manifest_with(good, "[" + descriptor("\"t\"", "null", "3") + "]"),
                    "\"digest\""},
        BadManifest{manifest_with(descriptor("\"t\"", '"' + digest + '"', "-1"), "[]"),
                    "config: \"size\" must be a number of bytes"},
        BadManifest{manifest_with(descriptor("\"t\"", '"' + digest + '"', "1.5"), "[]"),
                    "\"size\""},
        BadManifest{
            manifest_with(descriptor("\"t\"", '"' + digest + '"', "18446744073709551615"), "[]"),
            "\"size\""},
        BadManifest{manifest_with(descriptor("\"\"", '"' + digest + '"', "1"), "[]"),
                    "\"mediaType\" must be a text of 1 to 255"}));

TEST(Manifest, WhatIsServedMustBeWhatItSays) {
  const Document document = {{"schemaVersion", 2}, {"mediaType", media_type::oci_manifest}};
  EXPECT_THAT(error_of([&] { manifest_media_type(document, media_type::docker_manifest, "x"); }),
              HasSubstr("but is served as"));
  EXPECT_EQ(manifest_media_type(document, "application/octet-stream", "x"),
            media_type::oci_manifest);
  const Document silent = {{"schemaVersion", 2}};
  EXPECT_EQ(
      manifest_media_type(silent, "Application/vnd.oci.image.index.v1+json; charset=utf-8", "x"),
      media_type::oci_index);
}

}  // namespace
}  // namespace dream::host::oci
