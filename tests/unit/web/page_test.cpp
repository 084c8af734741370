// The page's files in the binary, and the forms in which they are sent.
#include <gtest/gtest.h>
#include <zlib.h>

#include "host/web/asset_encoding.hpp"
#include "host/web/assets.hpp"
#include "host/web/page_routes.hpp"

namespace dream::host {
namespace {

std::string gunzip(const std::string& packed, std::size_t most) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(most, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

Response get(const std::string& path,
             std::vector<std::pair<std::string, std::string>> headers = {}) {
  PageRoutes page(PageConfig{"api/", "http://there:5000"});
  Router router;
  page.add_to(router);
  const auto exchange =
      std::make_shared<Exchange>(Request{"GET", path, "", std::move(headers), "", {}});
  router.handle(exchange);
  EXPECT_TRUE(exchange->answered());
  return exchange->response();
}

std::string header(const Response& response, const std::string& wanted) {
  for (const auto& [name, value] : response.headers)
    if (name == wanted) return value;
  return "";
}

TEST(Assets, AreThereAndDiffer) {
  std::string tags;
  for (const Asset& asset : assets()) {
    EXPECT_FALSE(asset.bytes.empty()) << asset.name;
    EXPECT_EQ(asset.tag.size(), 16U) << asset.name;
    EXPECT_EQ(tags.find(asset.tag), std::string::npos) << asset.name;
    tags += asset.tag;
  }
  EXPECT_GT(assets().size(), 20U);
}

TEST(Gzip, GivesBackWhatWentIn) {
  for (const std::string& text : {std::string(), std::string("a"), std::string(100000, 'x')})
    EXPECT_EQ(gunzip(gzip(text), text.size() + 1), text);
}

TEST(AcceptsGzip, ReadsTheHeader) {
  for (const char* yes : {"gzip", "br, gzip", "gzip;q=0.1", "*", "deflate;q=1, *;q=0.5", "x-gzip"})
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  for (const char* no : {"", "br", "gzip;q=0", "*;q=0", "identity", "gzip; q=0.0, *", "gzipped"})
    EXPECT_FALSE(accepts_gzip(no)) << no;
}

TEST(NamesTag, ReadsTheHeader) {
  for (const char* yes : {"\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"})
    EXPECT_TRUE(names_tag(yes, "abc")) << yes;
  for (const char* no : {"", "abc", "\"abcd\"", "\"ab\"", "\"", "W/abc"})
    EXPECT_FALSE(names_tag(no, "abc")) << no;
}

TEST(PageRoutes, ServeThePageWithItsPolicy) {
  const Response response = get("/ui");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/html; charset=utf-8");
  EXPECT_EQ(header(response, "content-security-policy"), page_security_policy);
  EXPECT_EQ(header(response, "content-encoding"), "");
}

TEST(PageRoutes, CompressAndRemember) {
  const Response packed = get("/ui/main.js", {{"accept-encoding", "gzip"}});
  const Response plain = get("/ui/main.js");
  EXPECT_EQ(header(packed, "content-encoding"), "gzip");
  EXPECT_EQ(gunzip(packed.body, plain.body.size() + 1), plain.body);
  EXPECT_EQ(get("/ui/main.js", {{"if-none-match", header(plain, "etag")}}).status, 304);
  EXPECT_EQ(get("/ui/main.js", {{"if-none-match", header(packed, "etag")}}).status, 200);
}

TEST(PageRoutes, ServeThePlatformsPageAtItsRoot) {
  PageRoutes page = PageRoutes::of_platform();
  Router router;
  page.add_to(router);
  const auto status_of = [&](const std::string& path) {
    const auto exchange = std::make_shared<Exchange>(Request{"GET", path, "", {}, "", {}});
    router.handle(exchange);
    return exchange->response().status;
  };
  for (const char* path : {"/", "/ui/dom.js", "/ui/platform/main.js", "/ui/base.css"})
    EXPECT_EQ(status_of(path), 200) << path;
  for (const char* path : {"/ui", "/ui/", "/ui/config.json", "/ui/platform/index.html"})
    EXPECT_EQ(status_of(path), 404) << path;
  EXPECT_EQ(get("/ui/platform/main.js").status, 404);
}

TEST(PageRoutes, TellWhereTheServerIs) {
  EXPECT_EQ(get("/ui/config.json").body, R"({"api":"api/","server":"http://there:5000"})");
}

}  // namespace
}  // namespace dream::host
