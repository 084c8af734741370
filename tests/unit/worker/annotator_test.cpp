#include <atomic>
#include <cstring>

#include "host/worker/sdk_host/image.hpp"
#include "host/worker/sdk_host/run.hpp"
#include "tests/unit/worker/interface_fixture.hpp"

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

TEST_F(AnnotatorTest, stops_when_the_run_is_canceled) {
  canceled_ = true;
  dream_image* map = nullptr;
  expect_failure(annotate("", &map), "canceled: ");
}

}  // namespace
}  // namespace dream::worker
