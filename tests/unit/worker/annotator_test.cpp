#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>

#include "host/base/paths.hpp"
#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/annotators/settings.hpp"
#include "host/worker/sdk_host/annotator_networks.hpp"
#include "host/worker/sdk_host/image.hpp"
#include "host/worker/sdk_host/run.hpp"
#include "tests/unit/worker/interface_fixture.hpp"
#include "weights/store/manifest.hpp"

namespace dream::worker {
namespace {

class AnnotatorTest : public InterfaceTest {
 protected:
  AnnotatorTest() {
    EXPECT_EQ(taken(api_.open(&setup_, to_str("canny"), &annotator_)), "");
    auto picture = engine::blank_picture(16, 12, 1);
    for (int y = 0; y < 12; ++y) std::memset(picture.row(y) + 8, 255, 8);
    image_ = make_image(std::move(picture));
  }
  ~AnnotatorTest() override {
    api_.close(annotator_);
    image_interface().release(image_);
  }
  dream_status* annotate(std::string_view settings, dream_image** map) {
    return api_.annotate(annotator_, &run_, image_, to_str(settings), map);
  }

  const dream_annotator_1& api_ = annotator_interface();
  TemplateSchema schema_;
  std::atomic<bool> canceled_{false};
  dream_run run_{schema_, RunRequest{"p", "t", nlohmann::json::object(), testing::TempDir() + "a"},
                 [](const nlohmann::json&) {}, canceled_};
  dream_annotator* annotator_ = nullptr;
  dream_image* image_ = nullptr;
};

TEST_F(AnnotatorTest, lists_what_can_be_opened) {
  EXPECT_EQ(host_.query(&host_, DREAM_ANNOTATOR_1), &annotator_interface());
  const char* const* names = api_.names(&host_);
  for (; *names != nullptr; ++names) {
    dream_annotator* opened = nullptr;
    EXPECT_EQ(taken(api_.open(&setup_, to_str(*names), &opened)), "") << *names;
    api_.close(opened);
  }
  EXPECT_STREQ(*api_.names(nullptr), "canny");
  dream_annotator* none = nullptr;
  expect_failure(api_.open(&setup_, to_str("crayon"), &none),
                 "unsupported: there is no annotator 'crayon': this dream has canny");
}

TEST_F(AnnotatorTest, draws_the_edges_of_grey_and_colour) {
  dream_image* map = nullptr;
  ASSERT_EQ(taken(annotate("", &map)), "");
  EXPECT_EQ(map->picture.channels, 3);
  EXPECT_EQ(map->picture.width, 16);
  const auto column = [&](int x) { return int{map->picture.row(6)[3 * x]}; };
  EXPECT_EQ(column(7) + column(8), 255);
  EXPECT_EQ(column(2) + column(13), 0);
  image_interface().release(map);
}

TEST_F(AnnotatorTest, heeds_its_settings_and_refuses_others) {
  dream_image* map = nullptr;
  EXPECT_EQ(taken(annotate(R"({"low_threshold": 1020, "high_threshold": 1020})", &map)), "");
  EXPECT_EQ(map->picture.data, std::vector<std::uint8_t>(16 * 12 * 3));
  image_interface().release(map);
  expect_failure(annotate(R"({"low_threshold": -1})", &map),
                 "invalid: settings of canny: low_threshold is -1: allowed are 0 to 1020");
  EXPECT_EQ(map, nullptr);
  expect_failure(annotate(R"({"blur": 1})", &map), "invalid: settings of canny: there is no");
  expect_failure(annotate("{", &map), "invalid: settings of an annotator: not valid JSON");
  expect_failure(api_.annotate(annotator_, &run_, nullptr, {}, &map), "image is a null pointer");
  expect_failure(api_.annotate(nullptr, &run_, image_, {}, &map), "annotator is a null pointer");
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
    return "nothing thrown";
  } catch (const std::exception& error) {
    return error.what();
  }
}

TEST_F(AnnotatorTest, says_what_weights_are_missing_and_how_to_get_them) {
  EXPECT_EQ(refusal([&] { host_.networks.get("hed"); }),
            "the weights annotator-hed/network-bsds500.pth are missing: there is no model store "
            "(--models); get them with: dream weights pull annotator-hed");
  host_.models = testing::TempDir() + "no_models";
  EXPECT_EQ(refusal([&] { host_.networks.get("upernet"); }),
            "the weights annotator-seg/pytorch_model.bin are missing: they are not in the model "
            "store " + host_.models.string() + "; get them with: dream weights pull annotator-seg");
  EXPECT_THROW(host_.networks.get("crayon"), std::logic_error);
}

// What messages name is what `dream weights pull` writes.
TEST(AnnotatorWeights, are_files_of_their_manifests) {
  for (const char* network :
       {"hed", "controlnet-hed", "pidinet", "lineart", "lineart-coarse", "lineart-anime",
        "mlsd", "openpose-body",
        "openpose-hand", "openpose-face", "midas", "normalbae", "upernet"}) {
    const auto file = annotator_weights(network);
    const auto name = file.parent_path().string();
    const auto manifest = weights::read_manifest(host::manifests() / (name + ".json"));
    const auto has = [&](const weights::ManifestFile& each) {
      return each.path == file.filename();
    };
    EXPECT_TRUE(std::ranges::any_of(manifest.files, has)) << file;
  }
}

TEST_F(AnnotatorTest, opens_without_weights_and_names_them_when_it_is_used) {
  dream_annotator* hed = nullptr;
  ASSERT_EQ(taken(api_.open(&setup_, to_str("hed"), &hed)), "");
  dream_image* map = nullptr;
  expect_failure(api_.annotate(hed, &run_, image_, to_str(R"({"safe": 2})"), &map),
                 "invalid: settings of hed: safe is 2: allowed are true, false");
  expect_failure(api_.annotate(hed, &run_, image_, {}, &map),
                 "unsupported: the weights annotator-hed/network-bsds500.pth");
  EXPECT_EQ(map, nullptr);
  api_.close(hed);
}

TEST(AnnotatorOptions, are_declared_so_that_inputs_can_be_made_of_them) {
  for (const auto& kind : imaging::annotator_kinds()) {
    for (const auto& option : kind.options) {
      EXPECT_TRUE(std::string_view(option.description).ends_with(".")) << option.name;
      if (const auto* whole = std::get_if<std::int64_t>(&option.fallback)) {
        EXPECT_TRUE(*whole >= option.lowest && *whole <= option.highest) << option.name;
      }
      if (const auto* number = std::get_if<double>(&option.fallback)) {
        EXPECT_TRUE(*number >= option.lowest && *number <= option.highest) << option.name;
      }
      if (const auto* text = std::get_if<std::string_view>(&option.fallback)) {
        EXPECT_NE(std::ranges::find(option.choices, *text), option.choices.end()) << option.name;
      }
    }
    const imaging::Settings defaults(kind.name, kind.options, nullptr);
  }
  const auto& canny = imaging::annotator_kind("canny");
  EXPECT_EQ(canny.options[0].name, "low_threshold");
  EXPECT_EQ(std::get<std::int64_t>(canny.options[1].fallback), 200);
  EXPECT_EQ(canny.options[1].highest, 1020);
}

TEST(AnnotatorSettings, take_each_type_and_refuse_the_rest) {
  static constexpr std::string_view nets[] = {"a", "b"};
  static constexpr imaging::AnnotatorOption options[] = {
      {"safe", false, "."}, {"size", std::int64_t{8}, ".", 1, 9}, {"part", 0.5, ".", 0, 1},
      {"net", std::string_view("b"), ".", 0, 0, nets}};
  const auto read = [](const char* json) {
    return imaging::Settings("x", options, nlohmann::json::parse(json));
  };
  const auto fresh = read("{}");
  EXPECT_EQ(fresh.flag("safe"), false);
  EXPECT_EQ(fresh.integer("size"), 8);
  EXPECT_EQ(fresh.number("part"), 0.5);
  EXPECT_EQ(fresh.choice("net"), "b");
  const auto set = read(R"({"safe": true, "size": 3.0, "part": 1, "net": "a"})");
  EXPECT_EQ(set.flag("safe"), true);
  EXPECT_EQ(set.integer("size"), 3);
  EXPECT_EQ(set.number("part"), 1);
  EXPECT_EQ(set.choice("net"), "a");
  const auto refused = [&](const char* json) { return refusal([&] { read(json); }); };
  EXPECT_EQ(refused(R"({"safe": 1})"), "settings of x: safe is 1: allowed are true, false");
  EXPECT_EQ(refused(R"({"size": 3.5})"),
            "settings of x: size is 3.5: allowed are 1 to 9 in whole numbers");
  EXPECT_EQ(refused(R"({"part": 1.01})"), "settings of x: part is 1.01: allowed are 0 to 1");
  EXPECT_EQ(refused(R"({"net": "c"})"), "settings of x: net is \"c\": allowed are a, b");
  EXPECT_EQ(refused(R"({"dots": 1})"),
            "settings of x: there is no option 'dots': allowed are safe, size, part, net");
}

TEST_F(AnnotatorTest, stops_when_the_run_is_canceled) {
  canceled_ = true;
  dream_image* map = nullptr;
  expect_failure(annotate("", &map), "canceled: ");
}

}  // namespace
}  // namespace dream::worker
