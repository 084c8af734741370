// Archives of pictures: what counts as one, and what is refused.
#include "host/platform/dataset_check.hpp"

#include <gtest/gtest.h>

#include "temporary_folder.hpp"
#include "weights/formats/zip_writer.hpp"

namespace dream::host {
namespace {

class DatasetTest : public testing::Test {
 protected:
  std::string problem(const std::vector<std::pair<std::string, std::string>>& files,
                      const DatasetLimits& limits = {}) {
    const auto path = folder_.path() / "data.zip";
    weights::OutputFile file(path);
    weights::ZipWriter zip(file);
    for (const auto& [name, content] : files) zip.add(name, content);
    zip.finish();
    file.commit();
    return dataset_problem(path, limits);
  }
  static bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  TemporaryFolder folder_;
};

const std::string heic("\0\0\0\x18" "ftypheic....", 16);
const std::string png = "\x89PNG\r\n\x1a\n....";

TEST_F(DatasetTest, CountsPicturesByTheirContent) {
  EXPECT_EQ(problem({{"a.png", png}, {"b.txt", "\xff\xd8\xff\xe0"},
                     {"c", "RIFF1234WEBPVP8 "}, {"d.heic", heic}},
                    {.least_pictures = 4}),
            "");
  const std::string text = problem({{"a.png", "hello"}, {"b.jpg", ""}, {"c.png", png}},
                                   {.least_pictures = 2});
  EXPECT_TRUE(has(text, "it has 1 picture ")) << text;
  EXPECT_TRUE(has(text, "among 3 files, at least 2")) << text;
}

TEST_F(DatasetTest, LeavesOutWhatIsHidden) {
  EXPECT_TRUE(has(problem({{".a.png", png}, {"x/.b.png", png}, {"__MACOSX/c.png", png}}),
                  "it has 0 pictures"));
}

TEST_F(DatasetTest, IsBounded) {
  EXPECT_TRUE(
      has(problem({{"a.png", png}, {"b.png", png}}, {.most_files = 1}), "more than 1 files"));
  EXPECT_TRUE(has(problem({{"a.png", png}}, {.most_bytes = 3}), "more than 3 bytes"));
}

TEST_F(DatasetTest, IsAZip) {
  for (const char* bad : {"", "hello", "PK\x03\x04"}) {
    const std::string text = dataset_problem(folder_.write("bad.zip", bad), {});
    EXPECT_TRUE(has(text, "it cannot be used as a zip archive")) << text;
    EXPECT_FALSE(has(text, folder_.path().string())) << text;
  }
}

}  // namespace
}  // namespace dream::host
