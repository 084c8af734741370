// An image with one layer more: the same everywhere else.
#include "host/oci/append.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

using testing::HasSubstr;

constexpr char config_text[] =
    R"({"architecture":"amd64","x-unknown":{"a":[1,2.5]},"config":{"Env":["A=b"],)"
    R"("Labels":{"run.cog.version":"0.9","n":3},"WorkingDir":"/src"},"os":"linux",)"
    R"("created":"2023-01-02T03:04:05Z","rootfs":{"type":"layers","diff_ids":["sha256:1"]},)"
    R"("history":[{"created_by":"a"},{"created_by":"ENV","empty_layer":true}]})";

AppendRequest request_for(bool docker, Compression compression) {
  Document manifest = {
      {"schemaVersion", 2},
      {"mediaType", docker ? media_type::docker_manifest : media_type::oci_manifest},
      {"config", to_document({docker ? media_type::docker_config : media_type::oci_config,
                              Digest::of(config_text), sizeof config_text - 1})},
      {"layers",
       Document::array({to_document({docker ? std::string(media_type::docker_layer) + ".gzip"
                                            : std::string(media_type::oci_layer) + "+gzip",
                                     Digest::of("base"), 4})})}};
  AppendRequest request;
  request.base_manifest = manifest.dump();
  request.base_config = config_text;
  request.base_digest = Digest::of(request.base_manifest);
  request.layer = {Digest::of("layer"), Digest::of("tar"), 123, compression};
  request.created_by = "COPY weights /src/weights";
  return request;
}

TEST(Append, ConfigIsKeptButForTheNewLayer) {
  const AppendRequest request = request_for(false, Compression::none);
  const AppendedImage image = append_layer(request, "x");
  Document config = Document::parse(image.config);
  EXPECT_EQ(config["rootfs"]["diff_ids"][1], Digest::of("tar").text());
  EXPECT_EQ(config["history"][2], (Document{{"created", "2023-01-02T03:04:05Z"},
                                            {"created_by", "COPY weights /src/weights"}}));
  config["rootfs"]["diff_ids"].erase(1);
  config["history"].erase(2);
  EXPECT_EQ(config.dump(), config_text) << "order and unknown keys are as they were";
  const Document manifest = Document::parse(image.manifest);
  EXPECT_EQ(manifest["config"]["digest"], Digest::of(image.config).text());
  EXPECT_EQ(manifest["config"]["size"], image.config.size());
  EXPECT_EQ(manifest["layers"][1], to_document({media_type::oci_layer, Digest::of("layer"), 123}));
  EXPECT_EQ(manifest["annotations"]["org.opencontainers.image.base.digest"],
            request.base_digest.text());
  EXPECT_EQ(append_layer(request, "elsewhere").manifest, image.manifest);
}

TEST(Append, DockersFamilyIsKept) {
  const AppendedImage image = append_layer(request_for(true, Compression::gzip), "x");
  const Document manifest = Document::parse(image.manifest);
  EXPECT_EQ(image.manifest_type, media_type::docker_manifest);
  EXPECT_EQ(image.config_type, media_type::docker_config);
  EXPECT_EQ(manifest["layers"][1]["mediaType"],
            "application/vnd.docker.image.rootfs.diff.tar.gzip");
  EXPECT_FALSE(manifest.contains("annotations"));
}

TEST(Append, DockersFamilyBecomesOciForWhatItHasNot) {
  AppendRequest request = request_for(true, Compression::none);
  request.annotations = {{"k", "v"}};
  for (const AppendRequest& each : {request, request_for(true, Compression::zstd)}) {
    const AppendedImage image = append_layer(each, "x");
    const Document manifest = Document::parse(image.manifest);
    EXPECT_EQ(manifest["mediaType"], media_type::oci_manifest);
    EXPECT_EQ(manifest["config"]["mediaType"], media_type::oci_config);
    EXPECT_EQ(manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    EXPECT_EQ(manifest["layers"][0]["digest"], Digest::of("base").text());
  }
}

TEST(Append, CreatedIsAlwaysThere) {
  AppendRequest request = request_for(false, Compression::none);
  request.base_config = R"({"rootfs":{"diff_ids":["sha256:1"]}})";
  const Document config = Document::parse(append_layer(request, "x").config);
  EXPECT_EQ(config["created"], "1970-01-01T00:00:00Z");
  EXPECT_FALSE(config.contains("history")) << "of an untold history one entry would be a lie";
}

TEST(Append, WhatIsNoImageIsRefused) {
  const auto error = [](const std::string& config, const std::string& type) {
    AppendRequest request = request_for(false, Compression::none);
    request.base_config = config;
    Document manifest = Document::parse(request.base_manifest);
    if (!type.empty()) manifest["config"]["mediaType"] = type;
    request.base_manifest = manifest.dump();
    try {
      append_layer(request, "x");
    } catch (const InputError& refusal) {
      return std::string(refusal.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(error("{}", ""), HasSubstr("x: config: has no \"rootfs\""));
  EXPECT_THAT(error(R"({"rootfs":{"diff_ids":[]}})", ""),
              HasSubstr("1 layers in the manifest, but 0 \"diff_ids\""));
  EXPECT_THAT(error(R"({"rootfs":{"diff_ids":["a"]},"history":{}})", ""),
              HasSubstr("\"history\" must be a list"));
  EXPECT_THAT(error("{}", "application/vnd.cncf.helm.config.v1+json"),
              HasSubstr("is an artifact of type application/vnd.cncf.helm"));
  EXPECT_THAT(error("not json", ""), HasSubstr("is no JSON"));
}

TEST(Append, LabelsAreRead) {
  const auto labels = labels_of(Document::parse(config_text), "x");
  EXPECT_EQ(labels.size(), 1u) << "what is no text is left out";
  EXPECT_EQ(labels.at("run.cog.version"), "0.9");
}

}  // namespace
}  // namespace dream::host::oci
