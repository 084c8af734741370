// Logins, challenges, and what a registry says of an upload.
#include "host/oci/credentials.hpp"

#include <gtest/gtest.h>

#include "host/oci/blob_upload.hpp"
#include "host/oci/challenge.hpp"
#include "host/oci/errors.hpp"
#include "host/oci/http.hpp"

namespace dream::host::oci {
namespace {

std::optional<Login> login(const std::string& config, const std::string& registry,
                           const std::string& repository = "a/b") {
  std::string helper;
  return login_in(config, registry, repository, "config.json", helper);
}

std::string helper(const std::string& config, const std::string& registry) {
  std::string name;
  EXPECT_FALSE(login_in(config, registry, "a/b", "config.json", name));
  return name;
}

TEST(Credentials, TheMostExactEntryCounts) {
  const std::string config = R"({"auths":{"r.io":{"auth":"dTpw"},"r.io/a":{"auth":"YTphYTph"},
      "https://s.io/v1/":{"username":"s","password":"t"},"i.io":{"identitytoken":"tok"},
      "empty.io":{}, "https://index.docker.io/v1/":{"auth":"aHViOnB3"}}})";
  EXPECT_EQ(login(config, "r.io", "x/y")->user, "u");
  EXPECT_EQ(login(config, "r.io", "x/y")->password, "p");
  EXPECT_EQ(login(config, "r.io", "a/b/c")->user, "a");
  EXPECT_EQ(login(config, "r.io", "a/b/c")->password, "aa:a") << "a password may have colons";
  EXPECT_EQ(login(config, "s.io")->password, "t");
  EXPECT_EQ(login(config, "i.io")->identity_token, "tok");
  EXPECT_EQ(login(config, "registry-1.docker.io")->user, "hub");
  EXPECT_FALSE(login(config, "empty.io"));
  EXPECT_FALSE(login(config, "o.io"));
}

TEST(Credentials, HelpersComeInTheirOrder) {
  const std::string config = R"({"credHelpers":{"r.io":"ring"},"credsStore":"store",
      "auths":{"r.io":{"auth":"dTpw"},"s.io":{"auth":"dTpw"}}})";
  EXPECT_EQ(helper(config, "r.io"), "ring");
  EXPECT_EQ(login(config, "s.io")->user, "u");
  EXPECT_EQ(helper(config, "t.io"), "store");
}

TEST(Credentials, MalformedFilesAreNamed) {
  for (const char* const bad : {"[]", "{\"auths\":[]}", "{\"auths\":{\"r.io\":7}}",
                                "{\"auths\":{\"r.io\":{\"auth\":\"!\"}}}",
                                "{\"auths\":{\"r.io\":{\"auth\":\"bm9jb2xvbg==\"}}}",
                                "{\"credHelpers\":{\"r.io\":1}}", "{\"credsStore\":[]}"})
    EXPECT_THROW(login(bad, "r.io"), InputError) << bad;
}

TEST(Challenge, BearerWithItsParameters) {
  const auto found = parse_challenges(
      R"(Bearer realm="https://a/t?x=1,2",service="reg \"x\"" , scope="repository:a:pull,push")");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].scheme, "bearer");
  EXPECT_EQ(found[0].parameters.at("realm"), "https://a/t?x=1,2");
  EXPECT_EQ(found[0].parameters.at("service"), "reg \"x\"");
  EXPECT_EQ(found[0].parameters.at("scope"), "repository:a:pull,push");
}

TEST(Challenge, SeveralInOneHeader) {
  const auto found = parse_challenges("Negotiate, BASIC realm=x, Bearer realm=\"y\"");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].scheme, "negotiate");
  EXPECT_EQ(found[1].parameters.at("realm"), "x");
  EXPECT_EQ(found[2].parameters.at("realm"), "y");
}

TEST(Challenge, NonsenseEnds) {
  for (const char* const text : {"", "=", "\"", "Bearer realm=\"", ",,,", "Bearer =x", "a=b=c"})
    EXPECT_LE(parse_challenges(text).size(), 16u) << text;
}

TEST(Upload, RangesOfRegistries) {
  EXPECT_EQ(end_of_range("0-1023"), 1024u);
  EXPECT_EQ(end_of_range("bytes=0-9"), 10u);
  EXPECT_EQ(end_of_range("0-0"), 0u) << "how an empty upload is told";
  for (const char* const bad : {"", "5", "1-5", "0-", "0--1", "0-x", "0-18446744073709551615"})
    EXPECT_FALSE(end_of_range(bad)) << bad;
}

TEST(Http, UploadsGoWhereTheAnswerSays) {
  EXPECT_EQ(resolve_url("https://r.io/v2/a/", "/v2/x?y=1"), "https://r.io/v2/x?y=1");
  EXPECT_EQ(resolve_url("https://r.io/v2/a/", "http://s.io/x"), "http://s.io/x");
  EXPECT_EQ(resolve_url("https://r.io/", "file:///etc/passwd"), "");
  EXPECT_EQ(origin_of("https://R.io/x"), origin_of("https://r.io:443/y"));
  EXPECT_NE(origin_of("https://r.io/x"), origin_of("https://r.io:444/x"));
  EXPECT_NE(origin_of("https://r.io/x"), origin_of("http://r.io/x"));
}

}  // namespace
}  // namespace dream::host::oci
