#include "host/uploads/upload_url.hpp"

#include <gtest/gtest.h>

namespace dream::host {
namespace {

TEST(UploadUrl, PutsTheNameBehindThePathWithOneSlash) {
  EXPECT_EQ(upload_url("http://h/up", "a.png"), "http://h/up/a.png");
  EXPECT_EQ(upload_url("http://h/up/", "a.png"), "http://h/up/a.png");
  EXPECT_EQ(upload_url("http://h", "a.png"), "http://h/a.png");
}

TEST(UploadUrl, EscapesWhatWouldLeaveTheSegment) {
  EXPECT_EQ(upload_url("http://h/", "a b#c?d/e%f.png"), "http://h/a%20b%23c%3Fd%2Fe%25f.png");
  EXPECT_EQ(upload_url("http://h/", "\xC3\xA9-(1)+~.png"), "http://h/%C3%A9-(1)+~.png");
}

TEST(UploadUrl, ASignatureStaysBehindThePath) {
  EXPECT_EQ(upload_url("https://h/bucket?sig=x/y&e=1", "a.png"),
            "https://h/bucket/a.png?sig=x/y&e=1");
  EXPECT_EQ(without_signature("https://h/bucket/a.png?sig=x&e=1#f"), "https://h/bucket/a.png");
  EXPECT_EQ(without_signature("https://h/a.png"), "https://h/a.png");
}

TEST(UploadUrl, SaysWhatIsWrong) {
  EXPECT_EQ(upload_url_problem("http://127.0.0.1:8080/up"), "");
  EXPECT_EQ(upload_url_problem("https://h/up?sig=1"), "");
  for (const char* wrong : {"", "up", "ftp://h/", "file:///tmp", "http://", "http://h:port/"})
    EXPECT_NE(upload_url_problem(wrong), "") << wrong;
}

}  // namespace
}  // namespace dream::host
