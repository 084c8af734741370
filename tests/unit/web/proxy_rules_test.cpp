// What `dream ui` forwards for whom, and to where.
#include <gtest/gtest.h>

#include <stdexcept>

#include "host/web/same_origin.hpp"
#include "host/web/ui_server.hpp"

namespace dream::host {
namespace {

bool may(std::vector<std::pair<std::string, std::string>> headers, bool local_only = true) {
  const Request request{"POST", "/api/predictions", "", std::move(headers), "", {}};
  return foreign_reason(request, local_only).empty();
}

TEST(SameOrigin, LetsOwnPageAndProgramsThrough) {
  EXPECT_TRUE(may({{"Host", "127.0.0.1:5001"}}));
  EXPECT_TRUE(may({{"Host", "localhost:5001"},
                   {"Origin", "http://localhost:5001"},
                   {"Sec-Fetch-Site", "same-origin"}}));
  EXPECT_TRUE(may({{"Host", "[::1]:5001"}, {"Origin", "http://[::1]:5001"}}));
  EXPECT_TRUE(may({{"Host", "localhost"}, {"Sec-Fetch-Site", "none"}}));
}

TEST(SameOrigin, RefusesOtherSites) {
  EXPECT_FALSE(may({{"Host", "localhost:5001"}, {"Origin", "https://evil.example"}}));
  EXPECT_FALSE(may({{"Host", "localhost:5001"}, {"Origin", "http://localhost:5002"}}));
  EXPECT_FALSE(may({{"Host", "localhost:5001"}, {"Origin", "null"}}));
  EXPECT_FALSE(may({{"Host", "localhost:5001"}, {"Sec-Fetch-Site", "cross-site"}}));
  EXPECT_FALSE(may({{"Host", "localhost:5001"}, {"Sec-Fetch-Site", "same-site"}}));
}

TEST(SameOrigin, RefusesNamesMadeToResolveHere) {
  const std::vector<std::pair<std::string, std::string>> rebound{
      {"Host", "evil.example:5001"}, {"Origin", "http://evil.example:5001"}};
  EXPECT_FALSE(may(rebound));
  EXPECT_TRUE(may(rebound, false));  // open to the network: its names are not known here
  EXPECT_FALSE(may({}));
}

TEST(LocalNames, AreLocalhostAndAddresses) {
  for (const char* yes : {"localhost", "localhost:80", "ui.localhost:1", "10.0.0.1", "[::1]:80",
                          "::1", "192.168.1.2:5001"})
    EXPECT_TRUE(is_local_name(yes)) << yes;
  for (const char* no : {"", "example.org", "localhost.evil.example", "127.0.0.1.evil.example",
                         "notlocalhost", ":80", "["})
    EXPECT_FALSE(is_local_name(no)) << no;
}

TEST(ServerAddress, IsTidied) {
  EXPECT_EQ(server_address("http://localhost:5000/"), "http://localhost:5000");
  EXPECT_EQ(server_address("https://a.example/models/x//?y=1#z"), "https://a.example/models/x");
}

TEST(ServerAddress, RefusesWhatIsNone) {
  for (const char* wrong : {"", "localhost:5000", "ftp://a.example", "file:///etc/passwd", "a b"}) {
    try {
      server_address(wrong);
      ADD_FAILURE() << wrong;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("'" + std::string(wrong) + "'"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace dream::host
