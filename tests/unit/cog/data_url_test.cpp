#include "host/cog/data_url.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "host/cog/input_files.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

struct Case {
  const char* url;
  const char* type;
  const char* bytes;
};

class ParsesDataUrl : public testing::TestWithParam<Case> {};

TEST_P(ParsesDataUrl, TypeAndBytes) {
  const DataUrl data = parse_data_url(GetParam().url);
  EXPECT_EQ(data.media_type, GetParam().type);
  EXPECT_EQ(data.bytes, GetParam().bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, ParsesDataUrl,
    testing::Values(Case{"data:text/plain;base64,aGVsbG8=", "text/plain", "hello"},
                    Case{"data:text/plain; charset=utf-8;base64,aGVsbG8=", "text/plain", "hello"},
                    Case{"DATA:image/png;BASE64,aGVsbG8=", "image/png", "hello"},
                    Case{"data:text/plain;base64,aGVsbG8", "text/plain", "hello"},
                    Case{"data:text/plain;base64,aGVs%62G8%3D", "text/plain", "hello"},
                    Case{"data:,a%20b%2Cc", "text/plain", "a b,c"},
                    Case{"data:;charset=utf-8,x", "text/plain", "x"},
                    Case{"data:text/html,50%", "text/html", "50%"},
                    Case{"data:text/html,%zz", "text/html", "%zz"},
                    Case{"data:application/json;base64,", "application/json", ""}));

TEST(DataUrl, SaysWhatIsWrong) {
  EXPECT_THROW(parse_data_url("data:bad"), std::invalid_argument);
  EXPECT_THROW(parse_data_url("data:text/plain;base64,@@@"), std::invalid_argument);
  EXPECT_THROW(parse_data_url("http://x/y"), std::invalid_argument);
}

class InputFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "dream_files_XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
  std::atomic<bool> canceled_ = false;
  DownloadCache cache_{{}};
  const json schema_ = json::parse(R"({"inputs": [
    {"name": "image", "type": "file", "nullable": true},
    {"name": "more", "type": "file", "list": true, "nullable": true},
    {"name": "text", "type": "string"}]})");
};

TEST_F(InputFiles, BecomeLocalFilesWithTheSuffixOfTheirType) {
  const json resolved = {{"image", "data:image/png;base64,aGVsbG8="},
                         {"more", {"data:,one", "data:,two"}},
                         {"text", "data:,stays"}};
  EXPECT_TRUE(has_input_files(schema_, resolved));
  const json local = fetch_input_files(schema_, resolved, folder_, canceled_, cache_).resolved;
  const std::filesystem::path image = local["image"].get<std::string>();
  EXPECT_EQ(image.filename(), "file.png");
  EXPECT_EQ(std::filesystem::file_size(image), 5U);
  std::ifstream second(local["more"][1].get<std::string>());
  std::string content;
  second >> content;
  EXPECT_EQ(content, "two");
  EXPECT_EQ(local["text"], "data:,stays");
}

TEST_F(InputFiles, AreNeverPathsOfTheServer) {
  for (const char* path : {"/etc/passwd", "file:///etc/passwd", "../x", "ftp://a/b", ""}) {
    std::vector<ValidationError> errors;
    check_file_references(schema_, {{"image", path}, {"text", "/etc/passwd"}}, errors);
    ASSERT_EQ(errors.size(), 1U) << path;
    EXPECT_EQ(errors[0].loc.back(), "image");
    EXPECT_EQ(errors[0].msg, "'" + std::string(path) +
                                 "' is not a valid URL scheme. 'data', 'http', or 'https' is "
                                 "supported.");
  }
  std::vector<ValidationError> errors;
  check_file_references(schema_, {{"image", nullptr}, {"more", {"HTTPS://a/b", "data:,x"}}},
                        errors);
  EXPECT_TRUE(errors.empty());
}

TEST_F(InputFiles, NameTheInputThatFails) {
  try {
    fetch_input_files(schema_, {{"image", "data:bad"}}, folder_, canceled_, cache_);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()),
              "image: the data URL has no ',' between its media type and its data");
  }
}

}  // namespace
}  // namespace dream::host
