// Forms in pieces of every size come out the same; what is none is refused.
#include "host/platform/multipart.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace dream::host {
namespace {

const std::string kind = "multipart/form-data; boundary=\"xYz\"";
const std::string form =
    "preamble\r\n--xYz\r\nContent-Disposition: form-data; name=\"content\"; "
    "filename=\"a b.png\"\r\nContent-Type: image/png\r\n\r\n"
    "\r\n--xY\r\n--xYy\r\n\r\n--xYz  \r\n"
    "content-disposition: form-data; name=empty\r\n\r\n\r\n--xYz\r\n"
    "Content-Disposition: form-data; name=\"text\"\r\n\r\nhello\r\n--xYz--\r\nepilogue";

struct Part {
  PartHead head;
  std::string data;
  bool ended = false;
};

std::vector<Part> parts_of(const std::string& body, std::size_t piece) {
  std::vector<Part> parts;
  MultipartReader reader(kind, {[&](const PartHead& head) { parts.push_back({head, ""}); },
                                [&](std::string_view bytes) { parts.back().data += bytes; },
                                [&] { parts.back().ended = true; }});
  for (std::size_t at = 0; at < body.size(); at += piece) reader.write(body.substr(at, piece));
  reader.finish();
  return parts;
}

TEST(MultipartTest, ReadsFormsInPiecesOfEverySize) {
  for (std::size_t piece = 1; piece <= form.size(); ++piece) {
    const auto parts = parts_of(form, piece);
    ASSERT_EQ(parts.size(), 3U) << piece;
    EXPECT_EQ(parts[0].head.name, "content");
    EXPECT_EQ(parts[0].head.file_name, "a b.png");
    EXPECT_EQ(parts[0].head.content_type, "image/png");
    EXPECT_EQ(parts[0].data, "\r\n--xY\r\n--xYy\r\n") << piece;
    EXPECT_EQ(parts[1].head.name, "empty");
    EXPECT_EQ(parts[1].data, "") << piece;
    EXPECT_EQ(parts[2].data, "hello") << piece;
    EXPECT_TRUE(parts[2].ended);
  }
}

TEST(MultipartTest, RefusesWhatIsNoForm) {
  for (const char* type : {"", "application/json", "multipart/form-data",
                           "multipart/form-data; boundary=", "multipart/mixed; boundary=x"})
    EXPECT_THROW(MultipartReader(type, {}), MultipartError) << type;
  EXPECT_THROW(parts_of("", 1), MultipartError);
  EXPECT_THROW(parts_of(form.substr(0, form.find("--xYz--")), 7), MultipartError);
  EXPECT_THROW(parts_of("--xYz\r\nX: y\r\n\r\nz\r\n--xYz--", 9), MultipartError);
  EXPECT_THROW(parts_of("--xYzzz\r\n\r\n--xYz--", 9), MultipartError);
  EXPECT_THROW(parts_of("--xYz\r\n" + std::string(20'000, 'x'), 4096), MultipartError);
}

}  // namespace
}  // namespace dream::host
