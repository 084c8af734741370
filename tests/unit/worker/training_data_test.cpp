#include "host/worker/sdk_host/training_data.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "host/worker/imaging/encode.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"
#include "tests/unit/temporary_folder.hpp"
#include "weights/formats/zip_writer.hpp"

namespace dream::worker {
namespace {
namespace fs = std::filesystem;

using Members = std::vector<std::pair<std::string, std::string>>;

std::string picture(int width = 3, int height = 2, std::uint8_t grey = 90) {
  engine::Picture image = engine::blank_picture(width, height, 3);
  std::ranges::fill(image.data, grey);
  const auto file = imaging::encode(image, "png", 100);
  return {file.begin(), file.end()};
}

class TrainingDataTest : public testing::Test {
 protected:
  TrainingData unpack(const Members& members, const TrainingDataLimits& limits = {}) {
    const fs::path archive = folder_.path() / "data.zip";
    {
      weights::OutputFile file(archive);
      weights::ZipWriter zip(file);
      for (const auto& [name, content] : members) zip.add(name, content);
      zip.finish();
      file.commit();
    }
    return unpack_file(archive, limits);
  }
  TrainingData unpack_file(const fs::path& archive, const TrainingDataLimits& limits = {}) {
    const fs::path to = folder_.path() / "unpacked";
    fs::create_directories(to);
    return unpack_training_data(archive, "instance_data", to, limits);
  }
  std::string refusal(const Members& members, const TrainingDataLimits& limits = {}) {
    return refusal_of([&] { unpack(members, limits); });
  }
  template <class Body>
  std::string refusal_of(Body&& body) {
    try {
      body();
    } catch (const SdkError& error) {
      EXPECT_EQ(error.code(), DREAM_INVALID_INPUT);
      return error.what();
    }
    return "nothing was refused";
  }
  std::vector<std::string> captions(const Members& members) {
    std::vector<std::string> all;
    for (const auto& each : unpack(members).pictures) all.push_back(each.caption);
    return all;
  }

  TemporaryFolder folder_;
};

TEST_F(TrainingDataTest, takes_pictures_of_all_folders_in_the_order_of_their_names) {
  const auto data = unpack({{"b/2.png", picture(4, 4)},
                            {"a.png", picture(2, 2)},
                            {"b/a.png", picture(3, 3)},
                            {"b/", ""}});
  ASSERT_EQ(data.pictures.size(), 3U);
  EXPECT_TRUE(data.notes.empty());
  std::vector<int> widths;
  for (const auto& each : data.pictures) widths.push_back(read_training_picture(each.file).width);
  EXPECT_EQ(widths, (std::vector{2, 4, 3}));
}

TEST_F(TrainingDataTest, passes_over_what_systems_leave_and_tells_of_other_files) {
  const auto data = unpack({{"__MACOSX/._a.png", "x"},
                            {".DS_Store", "x"},
                            {"cat/.hidden.png", "x"},
                            {"Thumbs.db", "x"},
                            {"notes.pdf", "%PDF"},
                            {"README.txt", "hello"},
                            {"a.png", picture()}});
  EXPECT_EQ(data.pictures.size(), 1U);
  EXPECT_EQ(
      data.notes,
      (std::vector<std::string>{
          "instance_data: 'notes.pdf' is no picture, it is left out",
          "instance_data: 'README.txt' stands beside no picture of its name, it is left out"}));
}

TEST_F(TrainingDataTest, lets_no_name_lead_out_of_the_folder) {
  const auto data = unpack({{"../../../evil.png", picture()},
                            {"/etc/evil.png", picture()},
                            {"..\\..\\evil.png", picture()}});
  ASSERT_EQ(data.pictures.size(), 3U);
  for (const auto& each : data.pictures)
    EXPECT_EQ(each.file.parent_path(), folder_.path() / "unpacked");
  EXPECT_FALSE(fs::exists(folder_.path().parent_path() / "evil.png"));
}

TEST_F(TrainingDataTest, a_picture_without_its_ending_is_one) {
  EXPECT_EQ(unpack({{"IMG_0001", picture()}, {"really-a-png.txt", picture()}}).pictures.size(), 2U);
}

TEST_F(TrainingDataTest, captions_stand_beside_their_pictures) {
  EXPECT_EQ(captions({{"a.png", picture()},
                      {"a.txt", "\xEF\xBB\xBF  sks cat \r\n"},
                      {"b/a.png", picture()},
                      {"b/a.txt", "another"},
                      {"c.png", picture()}}),
            (std::vector<std::string>{"sks cat", "another", ""}));
}

TEST_F(TrainingDataTest, captions_come_from_metadata_too_and_a_text_file_is_nearer) {
  EXPECT_EQ(captions({{"a.png", picture()},
                      {"b.png", picture()},
                      {"b.txt", "from the file"},
                      {"metadata.jsonl",
                       "{\"file_name\": \"a.png\", \"text\": \"from the list\"}\n\n"
                       "{\"file_name\": \"b.png\", \"text\": \"from the list\"}\n"}}),
            (std::vector<std::string>{"from the list", "from the file"}));
}

TEST_F(TrainingDataTest, refuses_metadata_that_is_wrong) {
  const std::string image = picture();
  EXPECT_EQ(refusal({{"a.png", image}, {"metadata.jsonl", "\n{\"file_name\": \"a.png\"}"}}),
            "instance_data: metadata.jsonl, line 2: an object with the texts file_name and text is "
            "expected");
  EXPECT_EQ(refusal({{"a.png", image}, {"metadata.jsonl", "{"}}),
            "instance_data: metadata.jsonl, line 1: an object with the texts file_name and text is "
            "expected");
  EXPECT_EQ(
      refusal({{"a.png", image}, {"metadata.jsonl", R"({"file_name": "x.png", "text": "x"})"}}),
      "instance_data: metadata.jsonl, line 1: there is no picture 'x.png'");
  EXPECT_EQ(refusal({{"a.png", image}, {"a.txt", "\xff\xfe"}}),
            "instance_data: a.txt: the caption is not UTF-8");
  EXPECT_EQ(refusal({{"a.png", image}, {"a.txt", std::string(10'001, 'x')}}),
            "instance_data: a.txt: the caption has 10001 bytes, at most 10000 are allowed");
}

TEST_F(TrainingDataTest, refuses_what_holds_no_pictures) {
  const std::string none =
      "instance_data: it has no picture (PNG, JPEG, WebP, BMP, TIFF) that a training could learn "
      "from";
  EXPECT_EQ(refusal({}), none);
  EXPECT_EQ(refusal({{"a.txt", "x"}}), none);
}

TEST_F(TrainingDataTest, refuses_pictures_that_are_none_and_names_them) {
  const std::string text = refusal({{"good.png", picture()}, {"cat/bad.png", "just a text"}});
  EXPECT_EQ(text.find("instance_data: the picture 'cat/bad.png' cannot be read: "), 0U) << text;
  const std::string cut = refusal({{"cut.jpg", picture(64, 64).substr(0, 60)}});
  EXPECT_EQ(cut.find("instance_data: the picture 'cut.jpg' cannot be read: "), 0U) << cut;
  EXPECT_EQ(refusal({{"e.webp", ""}}).find("instance_data: the picture 'e.webp'"), 0U);
}

TEST_F(TrainingDataTest, refuses_archives_inside) {
  const std::string inside = "is an archive inside the archive: put the pictures themselves in it";
  EXPECT_EQ(refusal({{"a.png", picture()}, {"more.zip", "PK\3\4"}}),
            "instance_data: 'more.zip' " + inside);
  EXPECT_EQ(refusal({{"a.png", picture()}, {"more", "PK\3\4 under another name"}}),
            "instance_data: 'more' " + inside);
  EXPECT_EQ(refusal({{"b.tar.gz", "x"}}), "instance_data: 'b.tar.gz' " + inside);
}

TEST_F(TrainingDataTest, refuses_too_much) {
  EXPECT_EQ(refusal({{"a.png", picture()}, {"b.png", picture()}}, {1, 1U << 20}),
            "instance_data: it has more than 1 files");
  EXPECT_EQ(refusal({{"a.png", std::string(2000, 'x')}}, {10, 1000}),
            "instance_data: it unpacks to more than 1000 bytes");
}

TEST_F(TrainingDataTest, refuses_what_is_no_archive_or_damaged) {
  const auto file = folder_.write("x.zip", "this is a text");
  const auto why = refusal_of([&] { unpack_file(file); });
  EXPECT_EQ(why.find("instance_data: it cannot be used as a zip archive of pictures: "), 0U) << why;
  const std::string image = picture(32, 32);
  unpack({{"a.png", image}});
  std::fstream archive(folder_.path() / "data.zip", std::ios::in | std::ios::out);
  archive.seekp(45);  // in the picture
  archive.put('\x7f');
  archive.close();
  const auto damaged = refusal_of([&] { unpack_file(folder_.path() / "data.zip"); });
  EXPECT_EQ(damaged.find("instance_data: 'a.png' cannot be read: "), 0U) << damaged;
}

}  // namespace
}  // namespace dream::worker
