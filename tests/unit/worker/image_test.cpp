#include <filesystem>
#include <fstream>

#include "tests/unit/worker/interface_fixture.hpp"

namespace dream::worker {
namespace {
namespace fs = std::filesystem;

class ImageTest : public InterfaceTest {
 protected:
  ImageTest() {
    std::string pattern = (fs::temp_directory_path() / "dream-test-XXXXXX").native();
    folder_ = mkdtemp(pattern.data());
  }
  ~ImageTest() override { fs::remove_all(folder_); }

  dream_image* create(std::uint32_t width, std::uint32_t height, std::uint32_t channels) {
    dream_image* image = nullptr;
    EXPECT_EQ(taken(api_.create(&host_, width, height, channels, &image)), "");
    return image;
  }
  dream_pixels pixels(dream_image* image) {
    dream_pixels seen{};
    seen.struct_size = sizeof seen;
    EXPECT_EQ(taken(api_.pixels(image, &seen)), "");
    return seen;
  }

  fs::path folder_;
  const dream_image_1& api_ = image_interface();
};

TEST_F(ImageTest, is_found_by_its_id) {
  EXPECT_EQ(host_.query(&host_, DREAM_IMAGE_1), &image_interface());
  EXPECT_EQ(image_interface().struct_size, sizeof(dream_image_1));
}

TEST_F(ImageTest, starts_black_and_opaque) {
  dream_image* image = create(3, 2, 4);
  const dream_pixels seen = pixels(image);
  EXPECT_EQ(seen.width, 3U);
  EXPECT_EQ(seen.height, 2U);
  EXPECT_EQ(seen.stride, 12U);
  for (int i = 0; i < 24; ++i) EXPECT_EQ(seen.data[i], i % 4 == 3 ? 255 : 0);
  api_.release(image);
}

TEST_F(ImageTest, survives_the_way_through_a_file) {
  dream_image* image = create(4, 3, 3);
  const dream_pixels drawn = pixels(image);
  for (int i = 0; i < 36; ++i) drawn.data[i] = static_cast<std::uint8_t>(7 * i);
  const std::string path = (folder_ / "x.png").native();
  EXPECT_EQ(taken(api_.encode(image, to_str(path), to_str("png"), 0)), "");
  dream_image* read = nullptr;
  EXPECT_EQ(taken(api_.decode(&host_, to_str(path), &read)), "");
  const dream_pixels seen = pixels(read);
  ASSERT_EQ(seen.stride * seen.height, 36U);
  EXPECT_TRUE(std::equal(drawn.data, drawn.data + 36, seen.data));
  api_.release(read);
  api_.release(image);
}

TEST_F(ImageTest, makes_new_pictures) {
  dream_image* image = create(8, 4, 3);
  dream_image *resized = nullptr, *grey = nullptr;
  EXPECT_EQ(taken(api_.resize(image, 5, 9, DREAM_FILTER_LANCZOS, &resized)), "");
  EXPECT_EQ(pixels(resized).height, 9U);
  EXPECT_EQ(taken(api_.convert(resized, 1, &grey)), "");
  EXPECT_EQ(pixels(grey).channels, 1U);
  EXPECT_EQ(pixels(image).width, 8U);
  for (dream_image* made : {image, resized, grey}) api_.release(made);
}

TEST_F(ImageTest, lives_until_the_last_reference_goes) {
  dream_image* image = create(1, 1, 1);
  api_.retain(image);
  api_.release(image);
  EXPECT_EQ(pixels(image).channels, 1U);
  api_.release(image);
  api_.release(nullptr);
  api_.retain(nullptr);
}

TEST_F(ImageTest, fills_as_much_of_the_struct_as_the_template_knows) {
  dream_image* image = create(2, 2, 1);
  dream_pixels small{};
  small.struct_size = offsetof(dream_pixels, height);
  small.height = 77;
  EXPECT_EQ(taken(api_.pixels(image, &small)), "");
  EXPECT_EQ(small.width, 2U);
  EXPECT_EQ(small.height, 77U);
  api_.release(image);
}

TEST_F(ImageTest, names_what_is_wrong) {
  dream_image* image = create(2, 2, 3);
  dream_image* out = image;
  expect_failure(api_.create(&host_, 2, 2, 2, &out), "invalid: channels: 2");
  EXPECT_EQ(out, nullptr);
  expect_failure(api_.create(&host_, 0, 2, 3, &out), "0 x 2 pixels");
  expect_failure(api_.create(&host_, 0xffffffff, 0xffffffff, 3, &out), "1 to 64 million");
  expect_failure(api_.create(&host_, 2, 2, 3, nullptr), "null pointer");
  expect_failure(api_.resize(image, 2, 2, 9, &out), "filter: 9");
  expect_failure(api_.resize(image, 100000, 100000, 0, &out), "1 to 64 million");
  expect_failure(api_.convert(image, 5, &out), "channels: 5");
  expect_failure(api_.convert(nullptr, 3, &out), "image is a null pointer");
  expect_failure(api_.encode(image, to_str("/x.tga"), to_str("tga"), 90), "format: 'tga'");
  expect_failure(api_.encode(image, to_str("/x.jpg"), to_str("jpg"), 101), "quality: 101");
  expect_failure(api_.encode(image, to_str("/no/folder/x.png"), to_str("png"), 1),
                 "internal: cannot write /no/folder/x.png");
  expect_failure(api_.decode(&host_, to_str("/no/file.png"), &out),
                 "invalid: the picture /no/file.png cannot be read: there is no such file");
  expect_failure(api_.decode(&host_, to_str("/dev/zero"), &out), "invalid: the picture /dev/zero");
  expect_failure(api_.pixels(image, nullptr), "null pointer");
  api_.release(image);
}

TEST_F(ImageTest, too_large_files_are_not_read) {
  const fs::path path = folder_ / "big.png";
  std::ofstream(path) << "x";
  fs::resize_file(path, 300'000'000);  // sparse
  dream_image* out = nullptr;
  expect_failure(api_.decode(&host_, to_str(path.native()), &out), "at most 256000000");
}

}  // namespace
}  // namespace dream::worker
