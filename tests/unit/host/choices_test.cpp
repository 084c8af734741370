// What the command line finds for itself: weights, templates, and names close to a typing error.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "host/base/ids.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/output_writer.hpp"
#include "host/cli/suggestions.hpp"
#include "host/cli/template_search.hpp"
#include "host/cli/weights_choice.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;

class ChoicesTest : public testing::Test {
 protected:
  ChoicesTest() { fs::create_directories(folder); }
  ~ChoicesTest() override { fs::remove_all(folder); }

  fs::path make_file(const std::string& name) const {
    const fs::path path = folder / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << name;
    return path;
  }

  const fs::path folder = fs::temp_directory_path() / ("dream-choices-" + new_id());
};

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST_F(ChoicesTest, WeightsComeFromTheFirstSourceThatApplies) {
  WeightsSources sources;
  sources.working_folder = folder / "work";
  sources.prefix = folder / "prefix";
  EXPECT_EQ(choose_weights(sources), "none");

  const auto bundled = make_file("prefix/share/dream/weights/emoji-sd/model_index.json");
  EXPECT_EQ(choose_weights(sources), bundled.parent_path());
  sources.default_weights = "none";
  EXPECT_EQ(choose_weights(sources), "none");

  make_file("work/weights/unet/config.json");  // not a model yet
  EXPECT_EQ(choose_weights(sources), "none");
  make_file("work/weights/model_index.json");
  EXPECT_EQ(choose_weights(sources), folder / "work" / "weights");

  sources.cog_weights = make_file("other.safetensors").string();
  EXPECT_EQ(choose_weights(sources), folder / "other.safetensors");
  sources.option = folder.string() + "/work/../work";
  EXPECT_EQ(choose_weights(sources), folder / "work");
  sources.option = "";  // as if not given
  EXPECT_EQ(choose_weights(sources), folder / "other.safetensors");
}

TEST_F(ChoicesTest, WeightsThatAreMissingAreToldWithTheirSource) {
  WeightsSources sources;
  sources.option = "/nowhere/model";
  EXPECT_EQ(
      refusal([&] { choose_weights(sources); }).find("--weights: there is no '/nowhere/model'"),
      0U);
  sources.option = std::nullopt;
  sources.cog_weights = "ftp://example.com/w.zip";
  EXPECT_EQ(refusal([&] { choose_weights(sources); }).find("COG_WEIGHTS: "), 0U);
}

TEST_F(ChoicesTest, WeightsMayBeAUrlThatIsFetchedLater) {
  WeightsSources sources;
  sources.cog_weights = "https://example.com/w.zip";
  EXPECT_EQ(choose_weights(sources), "https://example.com/w.zip");
}

TEST_F(ChoicesTest, WeightsMayBeANameInTheModelStore) {
  WeightsSources sources;
  sources.models = folder / "models";
  make_file("models/tree/model_index.json");
  make_file("models/one/w.ckpt");
  make_file("models/one/w.yaml");
  sources.option = "tree";
  EXPECT_EQ(choose_weights(sources), folder / "models/tree");
  sources.option = "one";
  EXPECT_EQ(choose_weights(sources), folder / "models/one/w.ckpt");
  for (const char* name : {"../models/tree", ".hidden", "other"}) {
    sources.option = name;
    EXPECT_NE(refusal([&] { choose_weights(sources); }), "accepted") << name;
  }
  EXPECT_NE(refusal([&] { choose_weights(sources); }).find((folder / "models").string()),
            std::string::npos);
}

TEST_F(ChoicesTest, TemplatesComeFromThePrefixThenTheSearchPath) {
  make_file("prefix/lib/dream/templates/vanilla.so");
  make_file("prefix/lib/dream/templates/canny.so");
  make_file("prefix/lib/dream/templates/readme.txt");
  make_file("extra/vanilla.so");
  make_file("extra/mine.so");
  const auto single = make_file("single/one.so");
  const auto found = find_templates(folder / "prefix",
                                    (folder / "extra").string() + "::/nowhere:" + single.string());
  std::vector<std::string> names;
  for (const auto& file : found) names.push_back(file.name);
  EXPECT_EQ(names, (std::vector<std::string>{"canny", "vanilla", "mine", "one"}));
  EXPECT_EQ(found[1].path, folder / "prefix/lib/dream/templates/vanilla.so");
}

TEST_F(ChoicesTest, AnUnknownTemplateIsToldWithTheNamesThatExist) {
  const std::vector<TemplateFile> templates = {{"canny", "/c.so"}, {"vanilla", "/v.so"}};
  EXPECT_EQ(pick_template(templates, "canny").path, "/c.so");
  EXPECT_EQ(refusal([&] { pick_template(templates, "vanila"); }),
            "no template 'vanila', did you mean 'vanilla'. There are: canny, vanilla");
  EXPECT_NE(refusal([&] { pick_template({}, "x"); }).find("DREAM_TEMPLATE_PATH"),
            std::string::npos);
  const auto own = make_file("own.so");
  EXPECT_EQ(pick_template(templates, own.string()).name, "own");
}

TEST_F(ChoicesTest, ClosestNames) {
  const std::vector<std::string> names = {"width", "height", "num_inference_steps", "seed"};
  EXPECT_EQ(closest_names("widht", names), std::vector<std::string>{"width"});
  EXPECT_EQ(closest_names("steps", names), std::vector<std::string>{"num_inference_steps"});
  EXPECT_TRUE(closest_names("entirely_different", names).empty());
}

TEST_F(ChoicesTest, OutputsReplaceOldFilesButNotEachOther) {
  const auto first = make_file("state/1");
  const auto second = make_file("state/2");
  make_file("out/a.png");
  OutputWriter writer(folder / "out");
  EXPECT_EQ(writer.write({{}, first, "a.png", "image/png"}), (folder / "out/a.png").string());
  EXPECT_EQ(writer.write({{}, second, "a.png", "image/png"}), (folder / "out/a-2.png").string());
  EXPECT_EQ(writer.write({"text", {}, {}, {}}), "text");
  EXPECT_EQ(writer.write({{{"k", 1}}, {}, {}, {}}), R"({"k":1})");
  EXPECT_EQ(fs::file_size(folder / "out/a.png"), fs::file_size(first));
  EXPECT_EQ(writer.written().size(), 4U);
  OutputWriter again(folder / "out");
  EXPECT_EQ(again.write({{}, second, "a.png", {}}), (folder / "out/a.png").string());
}

}  // namespace
}  // namespace dream::host
