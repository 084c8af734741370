// Which files a server takes for its certificate, and what stays when new ones are no good.
#include "host/http/tls.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "../temporary_folder.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;

class TlsTest : public testing::Test {
 protected:
  // A self-signed certificate NAME.pem and its key NAME.key.
  TlsFiles make(const std::string& name, const std::string& options = "") {
    const TlsFiles files{folder.path() / (name + ".pem"), folder.path() / (name + ".key")};
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=" +
        name + " -out " + files.certificate.string() + " -keyout " + files.key.string() + " " +
        options + " 2>/dev/null";
    std::FILE* const run = ::popen(command.c_str(), "r");
    EXPECT_TRUE(run != nullptr && ::pclose(run) == 0) << command;
    return files;
  }

  static std::string problem(const TlsFiles& files) {
    try {
      const Tls tls(files);
    } catch (const TlsError& error) {
      return error.what();
    }
    return "none";
  }

  TemporaryFolder folder;
};

TEST_F(TlsTest, TakesACertificateAndItsKey) {
  const Tls tls(make("one"));
  EXPECT_NE(tls.context(), nullptr);
  const auto left = tls.not_after() - std::chrono::system_clock::now();
  EXPECT_GT(left, std::chrono::hours(71));
  EXPECT_LT(left, std::chrono::hours(73));
}

TEST_F(TlsTest, ReloadsForNewConnectionsOnly) {
  const TlsFiles files = make("one");
  Tls tls(files);
  const auto before = tls.context();
  tls.reload();
  EXPECT_NE(tls.context(), before);
  const auto kept = tls.context();
  folder.write("one.key", "damaged");
  EXPECT_THROW(tls.reload(), TlsError);
  EXPECT_EQ(tls.context(), kept);
}

TEST_F(TlsTest, SaysWhichFileIsNoGood) {
  const TlsFiles one = make("one"), two = make("two");
  EXPECT_NE(problem({one.certificate, two.key}).find("two.key' is not the key of"),
            std::string::npos);
  EXPECT_NE(problem({one.key, one.key}).find("one.key' holds no certificate"), std::string::npos);
  EXPECT_NE(problem({one.certificate, one.certificate}).find("one.pem' holds no private key"),
            std::string::npos);
  EXPECT_NE(problem({folder.path() / "none", one.key}).find("No such file"), std::string::npos);
  EXPECT_EQ(problem(one), "none") << "what went wrong before leaves nothing behind";
}

}  // namespace
}  // namespace dream::host
