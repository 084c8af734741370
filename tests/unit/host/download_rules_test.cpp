// Which addresses a download may connect to, and what its file is called.
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>

#include "host/downloads/address_rule.hpp"
#include "host/downloads/file_name.hpp"

namespace dream::host {
namespace {

std::string_view refused(const char* text, AddressRule rule) {
  sockaddr_storage storage{};
  if (std::strchr(text, ':') == nullptr) {
    auto& four = reinterpret_cast<sockaddr_in&>(storage);
    four.sin_family = AF_INET;
    EXPECT_EQ(::inet_pton(AF_INET, text, &four.sin_addr), 1) << text;
  } else {
    auto& six = reinterpret_cast<sockaddr_in6&>(storage);
    six.sin6_family = AF_INET6;
    EXPECT_EQ(::inet_pton(AF_INET6, text, &six.sin6_addr), 1) << text;
  }
  return refused_as(reinterpret_cast<const sockaddr&>(storage), rule);
}

TEST(AddressRule, PublicAddressesAreFetchedFrom) {
  for (const char* address : {"8.8.8.8", "1.1.1.1", "11.0.0.1", "100.63.255.255", "100.128.0.1",
                              "172.15.0.1", "172.32.0.1", "169.253.0.1", "192.167.0.1",
                              "223.255.255.255", "2606:4700::1111", "2001:4860:4860::8888"})
    EXPECT_EQ(refused(address, AddressRule::public_only), "") << address;
}

TEST(AddressRule, OthersAreNot) {
  for (const char* address :
       {"127.0.0.1", "127.255.0.1", "0.0.0.0", "10.1.2.3", "100.64.0.1", "172.16.0.1",
        "172.31.255.255", "192.168.1.1", "169.254.169.254", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "192.0.0.1", "::", "::1", "fe80::1", "febf::1", "fec0::1", "fc00::1",
        "fd12::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::c0a8:101",
        "2002:7f00:1::", "::7f00:1", "100::1"}) {
    EXPECT_NE(refused(address, AddressRule::public_only), "") << address;
    EXPECT_EQ(refused(address, AddressRule::any), "") << address;
  }
}

TEST(AddressRule, BehindTheLoopbackOnlyLinkLocalOnesAreRefused) {
  for (const char* address : {"127.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "fd12::1", "8.8.8.8"})
    EXPECT_EQ(refused(address, AddressRule::no_link_local), "") << address;
  for (const char* address : {"169.254.169.254", "fe80::1", "::ffff:169.254.169.254"})
    EXPECT_EQ(refused(address, AddressRule::no_link_local), "a link-local address") << address;
}

TEST(FileName, OfAUrlIsOneSafeSegment) {
  EXPECT_EQ(file_name_of_url("http://h/a/b.png?x=1#y"), "b.png");
  EXPECT_EQ(file_name_of_url("http://h/a%20b.png"), "a b.png");
  EXPECT_EQ(file_name_of_url("http://h/..%2F..%2Fetc%2Fpasswd"), ".._.._etc_passwd");
  EXPECT_EQ(file_name_of_url("http://h/%2E%2E"), "file");
  EXPECT_EQ(file_name_of_url("http://h/%FF"), "file");
  EXPECT_EQ(file_name_of_url("http://host.png"), "file");
  EXPECT_EQ(file_name_of_url("http://h/"), "file");
  EXPECT_EQ(file_name_of_url("http://h/a%00b"), "a_b");
  const std::string name = file_name_of_url("http://h/" + std::string(300, 'a') + ".png");
  EXPECT_EQ(name.size(), 200U);
  EXPECT_TRUE(name.ends_with(".png"));
}

TEST(FileName, OfADispositionToo) {
  EXPECT_EQ(file_name_of_disposition("attachment; filename=\"a b.pt\""), "a b.pt");
  EXPECT_EQ(file_name_of_disposition("attachment; FileName=x.pt; size=3"), "x.pt");
  EXPECT_EQ(file_name_of_disposition("attachment; filename=\"x\"; filename*=UTF-8''%C3%A4.pt"),
            "ä.pt");
  EXPECT_EQ(file_name_of_disposition("attachment; filename=\"../../a\\\"b\""), ".._.._a\"b");
  EXPECT_EQ(file_name_of_disposition("inline"), "");
  EXPECT_EQ(file_name_of_disposition("attachment; filename=\"..\""), "");
  EXPECT_EQ(file_name_of_disposition("attachment; xfilename=\"a\""), "");
}

}  // namespace
}  // namespace dream::host
