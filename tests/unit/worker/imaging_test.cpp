#include <gtest/gtest.h>
#include <zlib.h>

#include <map>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>

#include "host/worker/imaging/decode.hpp"
#include "host/worker/imaging/encode.hpp"
#include "host/worker/imaging/exif_text.hpp"
#include "host/worker/imaging/picture_text.hpp"
#include "host/worker/imaging/png_text.hpp"

namespace dream::worker::imaging {
namespace {

engine::Image picture(int width, int height) {
  engine::Image image{width, height, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const int value : {x * 3, y * 5, 200})
        image.pixels.push_back(static_cast<std::uint8_t>(value));
  return image;
}

std::uint32_t number_at(const std::vector<std::uint8_t>& file, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | file.at(at + i);
  return number;
}

// Text chunks by keyword; checks every chunk's CRC.
std::map<std::string, std::string> texts_of(const std::vector<std::uint8_t>& file) {
  std::map<std::string, std::string> texts;
  std::size_t at = 8;
  while (at < file.size()) {
    const std::size_t size = number_at(file, at);
    const std::string type(file.begin() + at + 4, file.begin() + at + 8);
    const std::string data(file.begin() + at + 8, file.begin() + at + 8 + size);
    EXPECT_EQ(number_at(file, at + 8 + size), crc32(0, &file.at(at + 4), size + 4)) << type;
    const std::size_t end = data.find('\0');
    if (type == "tEXt") texts["t:" + data.substr(0, end)] = data.substr(end + 1);
    if (type == "iTXt") texts["i:" + data.substr(0, end)] = data.substr(end + 5);
    at += size + 12;
  }
  EXPECT_EQ(at, file.size());
  return texts;
}

TEST(Encode, png_keeps_every_pixel) {
  const engine::Image image = picture(17, 9);
  const cv::Mat read = cv::imdecode(encode(image, "png", 1), cv::IMREAD_COLOR);
  ASSERT_EQ(read.cols, 17);
  ASSERT_EQ(read.rows, 9);
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 17; ++x)
      EXPECT_EQ(read.at<cv::Vec3b>(y, x), cv::Vec3b(200, y * 5, x * 3));  // BGR
}

TEST(Encode, jpg_and_webp_heed_the_quality) {
  const engine::Image image = picture(64, 64);
  for (const char* format : {"jpg", "webp"}) {
    const auto low = encode(image, format, 10);
    const auto high = encode(image, format, 95);
    EXPECT_LT(low.size(), high.size()) << format;
    const cv::Mat read = cv::imdecode(high, cv::IMREAD_COLOR);
    ASSERT_EQ(read.cols, 64);
    EXPECT_NEAR(read.at<cv::Vec3b>(32, 32)[0], 200, 8) << format;
    EXPECT_NEAR(read.at<cv::Vec3b>(32, 32)[2], 96, 8) << format;
  }
}

TEST(Encode, refuses_what_does_not_fit) {
  engine::Image image = picture(4, 4);
  EXPECT_THROW(encode(image, "gif", 90), std::invalid_argument);
  image.pixels.pop_back();
  EXPECT_THROW(encode(image, "png", 90), std::invalid_argument);
  EXPECT_THROW(encode(engine::Image{}, "png", 90), std::invalid_argument);
}

TEST(PngText, adds_readable_chunks) {
  const auto plain = encode(picture(8, 8), "png", 90);
  const auto file =
      add_png_text(plain, {{"parameters", "a fox"}, {"dream", "ein Fuchs, schön 🦊"}});
  const auto texts = texts_of(file);
  EXPECT_EQ(texts.at("t:parameters"), "a fox");
  EXPECT_EQ(texts.at("i:dream"), "ein Fuchs, schön 🦊");
  EXPECT_EQ(cv::norm(cv::imdecode(file, cv::IMREAD_COLOR), cv::imdecode(plain, cv::IMREAD_COLOR)),
            0);
}

TEST(PngText, a_zero_byte_does_not_end_the_text) {
  const auto plain = encode(picture(8, 8), "png", 90);
  const auto file = add_png_text(plain, {{"k", std::string("a\0b", 3)}});
  EXPECT_EQ(texts_of(file).at("i:k"),
            "a\xef\xbf\xbd"
            "b");
}

TEST(PngText, refuses_other_files_and_bad_keywords) {
  const auto plain = encode(picture(8, 8), "png", 90);
  EXPECT_THROW(add_png_text(encode(picture(8, 8), "jpg", 90), {}), std::invalid_argument);
  EXPECT_THROW(add_png_text(std::span(plain).first(20), {}), std::invalid_argument);
  EXPECT_THROW(add_png_text(plain, {{"", "x"}}), std::invalid_argument);
  EXPECT_THROW(add_png_text(plain, {{std::string(80, 'k'), "x"}}), std::invalid_argument);
  EXPECT_THROW(add_png_text(plain, {{"ü", "x"}}), std::invalid_argument);
}

TEST(ExifText, leaves_the_picture_as_it_was) {
  for (const char* format : {"jpg", "webp"}) {
    const auto plain = encode(picture(17, 9), format, 90);
    for (const std::string& text : {std::string("a fox"), std::string("ein Fuchs, schön 🦊\nx")}) {
      const auto file = add_exif_text(plain, text);
      EXPECT_GT(file.size(), plain.size() + 2 * text.size() / 2) << format;
      const auto before = decode(plain), after = decode(file);
      EXPECT_EQ(after.width, 17);
      EXPECT_EQ(after.data, before.data) << format;
    }
  }
}

// What other programs read of it: tests/http/test_worker_diffusion.py.
TEST(ExifText, writes_utf_16_and_replaces_what_is_no_utf_8) {
  const auto comment_in = [](std::string_view text) {
    const auto file = add_exif_text(encode(picture(8, 8), "jpg", 90), text);
    const std::string bytes(file.begin(), file.end());
    const auto at = bytes.find(std::string("UNICODE\0", 8)) + 8;
    return bytes.substr(at, bytes.find("\xff\xdb", at) - at);
  };
  EXPECT_EQ(comment_in("aé"), std::string("\0a\0\xe9", 4));
  EXPECT_EQ(comment_in("🦊"), std::string("\xd8\x3e\xdd\x8a", 4));
  const std::string broken("\xff\xfd", 2);
  EXPECT_EQ(comment_in("\xff"), broken);
  EXPECT_EQ(comment_in("\xc3"), broken);
  EXPECT_EQ(comment_in("\xed\xa0\x80"), broken + broken + broken);  // half of a pair
  EXPECT_EQ(comment_in("\xc0\x80"), broken + broken);               // longer than needed
}

TEST(ExifText, too_long_for_a_jpeg_is_left_out) {
  const auto plain = encode(picture(8, 8), "jpg", 90);
  EXPECT_EQ(add_exif_text(plain, std::string(40000, 'x')), plain);
  EXPECT_GT(add_exif_text(encode(picture(8, 8), "webp", 90), std::string(40000, 'x')).size(),
            80000U);
  EXPECT_THROW(add_exif_text(encode(picture(8, 8), "png", 90), "x"), std::invalid_argument);
}

TEST(PictureText, says_how_the_picture_was_made) {
  engine::GenerateRequest request;
  request.prompt = "a fox";
  request.negative_prompt = "blurry";
  request.num_inference_steps = 25;
  request.karras = true;
  request.num_outputs = 4;
  const auto texts = picture_text({request, "vanilla", "emoji-sd", 9, 512, 384});
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_EQ(texts[0].keyword, "parameters");
  EXPECT_TRUE(texts[0].text.starts_with(
      "a fox\nNegative prompt: blurry\nSteps: 25, Sampler: DPM++ 2M, Schedule type: Karras, "
      "CFG scale: 7.5, Seed: 9, Size: 512x384, Model: emoji-sd, Prompt syntax: compel, Version: "))
      << texts[0].text;
  const auto json = nlohmann::json::parse(texts[1].text);
  EXPECT_EQ(json["seed"], 9);
  EXPECT_EQ(json["template"], "vanilla");
  EXPECT_FALSE(json.contains("num_outputs"));  // the same picture alone and among others
  EXPECT_FALSE(json.contains("resize_mode"));
  EXPECT_FALSE(json.contains("eta"));
}

TEST(PictureText, names_each_lora_once) {
  engine::GenerateRequest request;
  request.prompt = "a fox <lora:ink2:0.5>";
  request.loras = {{"/x/ink.safetensors", "ink", 0.8}, {"/x/ink2.safetensors", "ink2", 0.5}};
  const auto line = [&] {
    const auto text = picture_text({request, "vanilla", "", 1, 8, 8})[0].text;
    return text.substr(0, text.find('\n'));
  };
  EXPECT_EQ(line(), "a fox <lora:ink2:0.5> <lora:ink:0.8>");
  request.prompt_syntax = engine::PromptSyntax::plain;  // where a tag is words
  EXPECT_EQ(line(), "a fox <lora:ink2:0.5> <lora:ink:0.8> <lora:ink2:0.5>");
}

TEST(PictureText, says_what_is_off_its_default) {
  engine::GenerateRequest request;
  request.scheduler = "DDIM";
  request.eta = 0.5;
  request.guidance_rescale = 0.7;
  request.image = engine::Image{8, 8, {}};
  PictureSettings settings{request, "vanilla", "emoji-sd", 9, 8, 8};
  settings.resize_mode = "fit";
  const auto texts = picture_text(settings);
  EXPECT_NE(texts[0].text.find(", Eta DDIM: 0.5, Guidance rescale: 0.7, "), std::string::npos);
  const auto json = nlohmann::json::parse(texts[1].text);
  EXPECT_EQ(json["eta"], 0.5);
  EXPECT_EQ(json["guidance_rescale"], 0.7);
  EXPECT_EQ(json["resize_mode"], "fit");
  EXPECT_EQ(json["prompt_strength"], 0.8);
}

}  // namespace
}  // namespace dream::worker::imaging
