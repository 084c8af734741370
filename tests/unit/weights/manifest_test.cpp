// Manifests: what is refused, and that every one that is shipped is well formed.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "weights/store/manifest.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

using nlohmann::json;

json good() {
  const json file = {{"url", "https://example.com/x"},
                     {"path", "unet/x.bin"},
                     {"size", 5U},
                     {"sha256", std::string(64, 'a')}};
  return {{"name", "a-1.0"},
          {"description", "d"},
          {"kind", "model"},
          {"license", "MIT"},
          {"source", "https://example.com"},
          {"files", json::array({file})}};
}

std::string refusal(const json& manifest) {
  try {
    parse_manifest(manifest, "m.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Manifest, IsReadWhole) {
  const Manifest manifest = parse_manifest(good(), "m.json");
  EXPECT_EQ(manifest.name, "a-1.0");
  ASSERT_EQ(manifest.files.size(), 1U);
  EXPECT_EQ(manifest.files[0].bytes, 5U);
  EXPECT_EQ(manifest.files[0].sha256, std::string(64, 'a'));
  json bare = good();
  bare["files"][0].erase("size");
  bare["files"][0].erase("sha256");
  EXPECT_FALSE(parse_manifest(bare, "m.json").files[0].bytes);
}

TEST(Manifest, PathsNeverLeadOut) {
  for (const char* path : {"../x", "/x", "a/../x", "a//x", "a/", ".x", "a/.x", "a\\x", ".", ""}) {
    json manifest = good();
    manifest["files"][0]["path"] = path;
    EXPECT_NE(refusal(manifest), "accepted") << path;
  }
}

TEST(Manifest, NamesWhatIsWrong) {
  for (const char* key : {"name", "description", "kind", "license", "source", "files"}) {
    json manifest = good();
    manifest.erase(key);
    EXPECT_NE(refusal(manifest).find(std::string("\"") + key + "\""), std::string::npos) << key;
  }
  const auto with = [](const char* key, const json& value) {
    json manifest = good();
    manifest["files"][0][key] = value;
    return refusal(manifest);
  };
  EXPECT_NE(with("url", "ftp://example.com/x").find("\"url\""), std::string::npos);
  EXPECT_NE(with("url", "file:///etc/passwd").find("\"url\""), std::string::npos);
  EXPECT_NE(with("sha256", "ABC").find("\"sha256\""), std::string::npos);
  EXPECT_NE(with("size", -1).find("\"size\""), std::string::npos);
  json manifest = good();
  manifest["name"] = "../a";
  EXPECT_NE(refusal(manifest).find("\"name\""), std::string::npos);
  manifest = good();
  manifest["files"].push_back(manifest["files"][0]);
  EXPECT_NE(refusal(manifest).find("twice"), std::string::npos);
  EXPECT_NE(refusal(json::array()), "accepted");
}

TEST(Manifest, EveryShippedOneIsWellFormed) {
  const auto manifests = read_manifests(DREAM_SOURCE_DIR "/weights/manifests");
  std::set<std::string> names;
  for (const Manifest& manifest : manifests) {
    EXPECT_TRUE(names.insert(manifest.name).second) << manifest.name;
    EXPECT_TRUE(manifest.source.starts_with("https://")) << manifest.name;
    EXPECT_FALSE(manifest.license.empty()) << manifest.name;
    for (const ManifestFile& file : manifest.files)
      EXPECT_TRUE(file.url.starts_with("https://")) << manifest.name << ": " << file.url;
  }
  for (const char* name : {"sd-1.4", "sd-1.5", "sd-2.1", "sd-1.5-inpainting", "sd-vae-ft-mse",
                           "safety_checker", "controlnet-canny", "controlnet-seg",
                           "annotator-midas", "annotator-openpose", "controlnet-tile",
                           "controlnet-inpaint", "t2i-adapter-style", "clip-vit-large-patch14"})
    EXPECT_TRUE(names.contains(name)) << name;
}

}  // namespace
}  // namespace dream::weights
