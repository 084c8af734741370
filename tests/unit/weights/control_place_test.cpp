// Networks that a model folder brings, and what is said of those that are nowhere.
#include "weights/store/control_place.hpp"

#include <gtest/gtest.h>

#include "tests/unit/temporary_folder.hpp"

namespace dream::weights {
namespace {

namespace fs = std::filesystem;

class ControlPlaceTest : public testing::Test {
 protected:
  void write(const fs::path& name) const { folder_.write(name, "x"); }
  std::string find(const std::string& name) const {
    const auto found = find_control_network(model_, store_, name);
    return found ? found->lexically_relative(base_).string() : "";
  }
  std::string missing(const fs::path& model, const std::string& name) const {
    return missing_control_network(model, store_, DREAM_SOURCE_DIR "/weights/manifests", name);
  }

  const TemporaryFolder folder_;
  const fs::path base_ = folder_.path();
  const fs::path model_ = base_ / "emoji";
  const ModelStore store_{base_ / "models"};
};

TEST_F(ControlPlaceTest, TheModelsOwnComeBeforeTheStores) {
  write("models/controlnet-canny/diffusion_pytorch_model.safetensors");
  EXPECT_EQ(find("controlnet-canny"), "models/controlnet-canny");
  write("emoji/controlnet-canny/config.json");
  EXPECT_EQ(find("controlnet-canny"), "models/controlnet-canny") << "no weights beside it";
  write("emoji/controlnet-canny/diffusion_pytorch_model.safetensors");
  EXPECT_EQ(find("controlnet-canny"), "emoji/controlnet-canny");
  write("emoji/t2i-adapter-color.pth");
  EXPECT_EQ(find("t2i-adapter-color"), "emoji/t2i-adapter-color.pth");
  write("emoji/controlnet-canny.png");
  EXPECT_EQ(own_control_networks(model_),
            (std::vector<std::string>{"controlnet-canny", "t2i-adapter-color"}));
}

TEST_F(ControlPlaceTest, PartsOfTheModelAreNoNetworks) {
  write("emoji/unet/diffusion_pytorch_model.safetensors");
  write("emoji/mine/diffusion_pytorch_model.safetensors");
  write("secret/weights.safetensors");
  for (const char* name : {"unet", "mine", "controlnet-seg", "controlnet-/../unet",
                           "controlnet-/../../secret", ""})
    EXPECT_EQ(find(name), "") << name;
  EXPECT_TRUE(own_control_networks(model_).empty());
  write("models/mine/diffusion_pytorch_model.safetensors");
  EXPECT_EQ(find("mine"), "models/mine");
}

TEST_F(ControlPlaceTest, ArchivesBringNone) {
  write("output.zip");
  EXPECT_FALSE(find_control_network(base_ / "output.zip", store_, "controlnet-canny"));
  EXPECT_TRUE(own_control_networks(base_ / "output.zip").empty());
  EXPECT_TRUE(own_control_networks(base_ / "gone").empty());
}

TEST_F(ControlPlaceTest, SaysWhatIsMissingWhereItWasSearchedAndHowToGetIt) {
  write("emoji/model_index.json");
  const auto models = (base_ / "models").string();
  EXPECT_EQ(missing(model_, "controlnet-seg"),
            "the weights controlnet-seg/diffusion_pytorch_model.safetensors are missing: they are "
            "not in the model's folder " + model_.string() + ", and not in the model store " +
                models + "; get them with: dream weights pull controlnet-seg");
  EXPECT_EQ(missing(base_ / "output.zip", "t2i-adapter-style"),
            "the weights t2i-adapter-style/t2iadapter_style_sd14v1.pth are missing: they are not "
            "in the model store " + models + "; get them with: dream weights pull "
            "t2i-adapter-style");
  for (const char* unknown : {"crayon", "../controlnet-seg"})
    EXPECT_EQ(missing(model_, unknown),
              "the weights " + std::string(unknown) + " are missing: they are not in the model "
              "store " + models + "; none are published under that name");
}

}  // namespace
}  // namespace dream::weights
