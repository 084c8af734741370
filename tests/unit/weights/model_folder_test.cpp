#include "weights/store/model_folder.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/weights/files.hpp"
#include "weights/formats/json_file.hpp"

namespace dream::weights {
namespace {

using namespace testing;

constexpr const char* index_text =
    R"({"_class_name":"StableDiffusionPipeline","unet":["diffusers","UNet2DConditionModel"],)"
    R"("text_encoder":["transformers","CLIPTextModel"],"scheduler":["diffusers","DDIMScheduler"],)"
    R"("tokenizer":["transformers","CLIPTokenizer"],"vae":["diffusers","AutoencoderKL"],)"
    R"("safety_checker":[null,null]})";

// One tensor of one byte, whose value tells the files apart.
std::string one(const std::string& name, char value) {
  return safetensors("{\"" + name + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                     std::string(1, value));
}

char value_of(const WeightMap& tensors, std::string_view name) {
  const auto found = tensors.find(name);
  return found == tensors.end() ? '?' : static_cast<char>(found->second.bytes[0]);
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(ModelFolder, OpensTheBundledModel) {
  const auto root = std::filesystem::path(DREAM_SOURCE_DIR) / "weights/emoji-sd/model";
  const ModelFolder folder = ModelFolder::open(root);
  EXPECT_TRUE(folder.has("unet"));
  EXPECT_TRUE(folder.has("tokenizer"));
  EXPECT_FALSE(folder.has("safety_checker"));
  EXPECT_FALSE(folder.has("controlnet"));
  EXPECT_EQ(folder.class_name("scheduler"), "PNDMScheduler");
  EXPECT_TRUE(folder.config("unet").contains("cross_attention_dim"));
  EXPECT_TRUE(folder.config("scheduler").contains("beta_start"));
  EXPECT_TRUE(folder.args().has_value());
  EXPECT_EQ(folder.weights("unet").size(), 326u);
  EXPECT_TRUE(folder.weights("text_encoder").contains("text_model.final_layer_norm.weight"));
}

TEST(ModelFolder, PrefersFullSafetensorsThenBinThenHalf) {
  const TemporaryFolder files;
  files.write("model_index.json", index_text);
  const std::string pickle =
      torch_file(dict({{"t", tensor(storage("ByteStorage", "0", 1), 0, {1}, {1})}}));
  files.write("unet/diffusion_pytorch_model.fp16.bin", pickle);
  const ModelFolder folder = ModelFolder::open(files.path());
  EXPECT_EQ(folder.weights("unet").size(), 1u);
  files.write("unet/diffusion_pytorch_model.fp16.safetensors", one("t", 'h'));
  EXPECT_EQ(value_of(folder.weights("unet"), "t"), 'h');
  files.write("unet/diffusion_pytorch_model.bin", pickle);  // as diffusers, unless told otherwise
  EXPECT_NE(value_of(folder.weights("unet"), "t"), 'h');
  files.write("unet/part.safetensors", one("t", 's'));
  files.write("unet/diffusion_pytorch_model.safetensors.index.json",
              R"({"weight_map":{"t":"part.safetensors"}})");
  EXPECT_EQ(value_of(folder.weights("unet"), "t"), 's');
  files.write("unet/diffusion_pytorch_model.safetensors", one("t", 'f'));
  EXPECT_EQ(value_of(folder.weights("unet"), "t"), 'f');
}

TEST(ModelFolder, GivesTextEncodersTheirPrefix) {
  const TemporaryFolder files;
  files.write("model_index.json", index_text);
  for (const char* name : {"final_layer_norm.weight", "text_model.final_layer_norm.weight"}) {
    files.write("text_encoder/model.safetensors", one(name, 'v'));
    const WeightMap tensors = ModelFolder::open(files.path()).weights("text_encoder");
    ASSERT_EQ(tensors.size(), 1u);
    EXPECT_EQ(value_of(tensors, "text_model.final_layer_norm.weight"), 'v');
  }
  files.write("text_encoder/model.safetensors", one("text_projection.weight", 'v'));
  EXPECT_EQ(
      value_of(ModelFolder::open(files.path()).weights("text_encoder"), "text_projection.weight"),
      'v');
  files.write("text_encoder/model.safetensors",
              safetensors(R"({"encoder.a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                          R"("text_model.encoder.a":{"dtype":"U8","shape":[1],)"
                          R"("data_offsets":[1,2]}})",
                          "xy"));
  EXPECT_TRUE(holds(error_of([&] { ModelFolder::open(files.path()).weights("text_encoder"); }),
                    "holds 'text_model.encoder.a' with and without the prefix"));
}

TEST(ModelFolder, OtherComponentsKeepTheirNames) {
  const TemporaryFolder files;
  files.write("model_index.json", index_text);
  files.write("vae/model.safetensors", one("encoder.conv_in.weight", 'v'));
  EXPECT_EQ(value_of(ModelFolder::open(files.path()).weights("vae"), "encoder.conv_in.weight"),
            'v');
}

TEST(ModelFolder, NamesWhatIsMissing) {
  const TemporaryFolder files;
  EXPECT_TRUE(holds(error_of([&] { ModelFolder::open(files.path() / "gone"); }),
                    "no such file or folder"));
  EXPECT_TRUE(
      holds(error_of([&] { ModelFolder::open(files.path()); }), "model_index.json: is missing"));
  const auto file = files.write("file", "x");
  EXPECT_TRUE(holds(error_of([&] { ModelFolder::open(file); }), "is not a weight file"));

  files.write("model_index.json", index_text);
  std::filesystem::create_directories(files.path() / "unet");
  const ModelFolder folder = ModelFolder::open(files.path());
  EXPECT_TRUE(folder.has("unet"));
  EXPECT_FALSE(folder.has("vae"));
  EXPECT_TRUE(holds(error_of([&] { folder.weights("unet"); }), "unet: holds no weights"));
  EXPECT_TRUE(holds(error_of([&] { folder.config("unet"); }), "unet/config.json: no such file"));
  EXPECT_TRUE(holds(error_of([&] { folder.where("vae"); }), "vae: folder is missing"));
  EXPECT_TRUE(holds(error_of([&] { folder.where("adapter"); }), "names no component 'adapter'"));
  EXPECT_TRUE(holds(error_of([&] { folder.where("../unet"); }), "is not a component name"));
  std::filesystem::create_directories(files.path() / "scheduler");
  EXPECT_TRUE(holds(error_of([&] { folder.config("scheduler"); }), "scheduler_config.json"));
}

TEST(ModelFolder, ReadsPythonsInfinities) {
  const TemporaryFolder files;
  files.write("model_index.json", index_text);
  files.write("scheduler/scheduler_config.json",
              R"({"lambda_min_clipped": -Infinity, "high":Infinity,"none" :NaN, )"
              R"("text": "NaN \" -Infinity", "list": [Infinity, -1, {"NaN": -Infinity}]})");
  const nlohmann::json config = ModelFolder::open(files.path()).config("scheduler");
  EXPECT_EQ(config["lambda_min_clipped"], "-Infinity");
  EXPECT_EQ(config["high"], "Infinity");
  EXPECT_EQ(config["none"], "NaN");
  EXPECT_EQ(config["text"], "NaN \" -Infinity");
  EXPECT_EQ(config["list"], nlohmann::json::parse(R"(["Infinity", -1, {"NaN": "-Infinity"}])"));
}

TEST(ModelFolder, NamesMalformedJson) {
  const TemporaryFolder files;
  const std::pair<std::string, const char*> cases[] = {
      {"", "is empty, expected JSON"},
      {"{", "not valid JSON at byte"},
      {"{\"a\":nan}", "not valid JSON at byte"},
      {"{\"a\":NaN,}", "not valid JSON at byte"},
      {"{\"a\":+Infinity}", "not valid JSON at byte"},
      {"{\"a\":\"NaN\",}", "not valid JSON at byte"},
      {"[1]", "holds a JSON array, expected an object"},
      {"{\"a\":1e999}", "not valid JSON"},
      {"\xFF\xFE{", "is UTF-16"},
      {"{\"a\":\"\xff\"}", "not valid JSON"},
      {"{\"a\":" + std::string(70, '[') + std::string(70, ']') + "}", "deeper than 64 levels"},
      {"{\"a\":" + std::string(100'000, '['), "deeper than 64 levels"},
  };
  for (const auto& [content, expected] : cases) {
    files.write("model_index.json", content);
    const std::string message = error_of([&] { ModelFolder::open(files.path()); });
    EXPECT_TRUE(holds(message, "model_index.json: ")) << message;
    const bool out_of_range =
        holds(message, "out of range") && content.find("1e999") != content.npos;
    EXPECT_TRUE(holds(message, expected) || out_of_range) << message;
  }
}

TEST(ModelFolder, SkipsAUtf8ByteOrderMark) {
  const TemporaryFolder files;
  files.write("model_index.json", std::string("\xEF\xBB\xBF") + index_text);
  files.write("args.json", R"({"instance_prompt":"photo of cjw"})");
  const ModelFolder folder = ModelFolder::open(files.path());
  EXPECT_EQ(folder.class_name("unet"), "UNet2DConditionModel");
  ASSERT_TRUE(folder.args());
  EXPECT_EQ(folder.args()->at("instance_prompt"), "photo of cjw");
}

}  // namespace
}  // namespace dream::weights
