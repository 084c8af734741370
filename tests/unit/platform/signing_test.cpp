// Signed names: what they open, and that nothing else does.
#include "host/platform/signing.hpp"

#include <gtest/gtest.h>

namespace dream::host {
namespace {

TEST(Hmac, IsThatOfTheStandard) {
  // RFC 4231, test case 2.
  EXPECT_EQ(hmac_sha256_hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Capability, OpensWhatItWasMadeFor) {
  const Capabilities capabilities("secret");
  const std::string made = capabilities.make("file", "abc.1_2");
  EXPECT_EQ(capabilities.check("file", made), "abc.1_2");
  EXPECT_FALSE(capabilities.check("upload", made));
  EXPECT_FALSE(Capabilities("other").check("file", made));
  for (std::size_t i = 0; i < made.size(); ++i) {
    std::string changed = made;
    changed[i] = changed[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(capabilities.check("file", changed)) << changed;
    EXPECT_FALSE(capabilities.check("file", made.substr(0, i)));
  }
  EXPECT_FALSE(capabilities.check("file", made + "0"));
}

TEST(Capability, Expires) {
  const Capabilities capabilities("secret");
  const Micros hour = 3'600'000'000;
  const std::string made = capabilities.make_until("upload", "abc", now_micros() + hour);
  EXPECT_EQ(capabilities.check("upload", made), "abc");
  EXPECT_FALSE(
      capabilities.check("upload", capabilities.make_until("upload", "abc", now_micros() - hour)));
  // A later time is not signed.
  std::string later = made;
  later.replace(4, 1, "9");
  EXPECT_FALSE(capabilities.check("upload", later));
}

}  // namespace
}  // namespace dream::host
