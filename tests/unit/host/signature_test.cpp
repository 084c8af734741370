// Signatures against published vectors; secrets that cannot be used, without showing them.
#include "host/webhooks/signature.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/unit/temporary_folder.hpp"

namespace dream::host {
namespace {

using std::chrono::seconds;

constexpr char spec_secret[] = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
constexpr char library_secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

std::string problem_of(std::string_view text) {
  try {
    SigningKeys::parse(text);
  } catch (const std::invalid_argument& problem) {
    return problem.what();
  }
  return "";
}

TEST(SigningKeys, SignsAsTheSpecificationDoes) {
  EXPECT_EQ(SigningKeys::parse(spec_secret)
                .sign("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", seconds(1649367553),
                      R"({"email":"test@example.com","username":"test_user"})"),
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
  EXPECT_EQ(
      SigningKeys::parse(library_secret)
          .sign("msg_p5jXN8AQM9LWM0D4loKWxJek", seconds(1614265330), R"({"test": 2432232314})"),
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(SigningKeys, SignsWithEachOfSeveral) {
  const std::string both = std::string(spec_secret) + "\n" + library_secret + "\r\n";
  const auto sign = [](std::string_view text) {
    return SigningKeys::parse(text).sign("msg_1", seconds(1), "{}");
  };
  EXPECT_EQ(sign(both), sign(spec_secret) + " " + sign(library_secret));
  EXPECT_NE(sign(spec_secret), sign(library_secret));
  EXPECT_TRUE(SigningKeys().empty());
  EXPECT_FALSE(SigningKeys::parse(both).empty());
}

TEST(SigningKeys, RefusesWhatVerifiersWould) {
  const std::string body(32, 'A');  // 24 bytes
  EXPECT_EQ(problem_of("whsec_" + body), "");
  EXPECT_EQ(problem_of("  \n"), "no secret: one of the form whsec_… is needed");
  EXPECT_EQ(problem_of(body), "secret 1 does not begin with whsec_");
  EXPECT_EQ(problem_of("whsec_" + body + " hunter2"), "secret 2 does not begin with whsec_");
  EXPECT_EQ(problem_of("whsec_!" + body), "secret 1 is not base64 after whsec_");
  EXPECT_EQ(problem_of("whsec_" + std::string(31, 'A') + "_"),
            "secret 1 has - or _ after whsec_: it must be base64 of the standard alphabet");
  EXPECT_EQ(problem_of("whsec_" + std::string(28, 'A')),
            "secret 1 has 21 bytes: 24 to 64 are allowed");
  EXPECT_EQ(problem_of("whsec_" + std::string(88, 'A')),
            "secret 1 has 66 bytes: 24 to 64 are allowed");
  std::string nine;
  for (int i = 0; i < 9; ++i) nine += "whsec_" + body + "\n";
  EXPECT_EQ(problem_of(nine), "more than 8 secrets");
}

TEST(SigningKeys, ReadsAFile) {
  const TemporaryFolder folder;
  const auto problem = [](const std::string& file) {
    try {
      SigningKeys::read(file);
    } catch (const std::invalid_argument& refusal) {
      return std::string(refusal.what());
    }
    return std::string();
  };
  const std::string file = folder.write("secret", std::string(spec_secret) + "\n").string();
  EXPECT_EQ(SigningKeys::read(file).sign("a", seconds(1), "b"),
            SigningKeys::parse(spec_secret).sign("a", seconds(1), "b"));
  const std::string missing = (folder.path() / "missing").string();
  EXPECT_EQ(problem(missing), missing + ": No such file or directory");
  EXPECT_EQ(problem(folder.path().string()), folder.path().string() + ": Is a directory");
  const std::string wrong = folder.write("wrong", "hunter2").string();
  EXPECT_EQ(problem(wrong), wrong + ": secret 1 does not begin with whsec_");
  EXPECT_EQ(problem("/dev/zero"), "/dev/zero: is too long to hold secrets");
}

}  // namespace
}  // namespace dream::host
