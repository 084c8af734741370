// Tokens: which are taken, whose they are, and that no message shows one.
#include "host/platform/accounts.hpp"

#include <gtest/gtest.h>

#include "host/platform/problem.hpp"
#include "temporary_folder.hpp"

namespace dream::host {
namespace {

std::string account_of(const Accounts& accounts, const std::string& authorization) {
  Request request;
  request.headers = {{"Authorization", authorization}};
  try {
    return accounts.of(request);
  } catch (const Refusal& refusal) {
    return std::to_string(refusal.status);
  }
}

TEST(Accounts, WithoutTokensEverybodyIsOne) {
  EXPECT_TRUE(Accounts::parse(" \n,").empty());
  EXPECT_EQ(Accounts().of(Request{}), "dream");
}

TEST(Accounts, WithoutTokensOtherSitesAreKeptOut) {
  Accounts accounts;
  accounts.set_public_url("https://dream.example:8443/base");
  const auto takes = [&](std::vector<std::pair<std::string, std::string>> headers) {
    Request request;
    request.headers = std::move(headers);
    try {
      return accounts.of(request) == Accounts::everybody;
    } catch (const Refusal& refusal) {
      EXPECT_EQ(refusal.status, 403);
      return false;
    }
  };
  EXPECT_TRUE(takes({{"Host", "localhost:8000"}}));
  EXPECT_TRUE(takes({{"Host", "127.0.0.1:8000"}, {"Origin", "http://127.0.0.1:8000"}}));
  EXPECT_TRUE(takes({{"Host", "dream.example:8443"}}));
  EXPECT_FALSE(takes({{"Host", "other.example"}}));
  EXPECT_FALSE(takes({{"Host", "localhost:8000"}, {"Origin", "https://other.example"}}));
  EXPECT_FALSE(takes({{"Host", "localhost:8000"}, {"Sec-Fetch-Site", "cross-site"}}));
}

TEST(Accounts, TakesBothSchemes) {
  const auto accounts = Accounts::parse("anna=annas-token, bens-token\n# carl=carls-token\n");
  EXPECT_EQ(account_of(accounts, "Token annas-token"), "anna");
  EXPECT_EQ(account_of(accounts, "bearer  annas-token "), "anna");
  EXPECT_EQ(account_of(accounts, "Bearer bens-token"), "dream");
  for (const char* bad : {"", "Token", "Token ", "Basic annas-token", "annas-token",
                          "Token carls-token", "Token annas-toke", "Token annas-tokens",
                          "Token anna=annas-token"})
    EXPECT_EQ(account_of(accounts, bad), "401") << bad;
  EXPECT_THROW(accounts.of(Request{}), Refusal);
}

TEST(Accounts, KnowsQuotasOfTokens) {
  const auto accounts = Accounts::parse(
      "anna=annas-token;trainings=2;predictions=10;uploads=5GB anna=another-token;request-rate=7 "
      "bens-token;prediction-rate=60;uploads=4096");
  const auto caller = [&](const std::string& token) {
    Request request;
    request.headers = {{"Authorization", "Bearer " + token}};
    return accounts.caller(request);
  };
  const Caller anna = caller("annas-token");
  EXPECT_EQ(anna.account, "anna");
  EXPECT_EQ(anna.quota.trainings, 2);
  EXPECT_EQ(anna.quota.predictions, 10);
  EXPECT_EQ(anna.quota.uploads, 5'000'000'000U);
  EXPECT_FALSE(anna.quota.request_rate || anna.quota.prediction_rate);
  EXPECT_EQ(caller("another-token").quota.request_rate, 7);
  EXPECT_NE(caller("another-token").token, anna.token);
  EXPECT_EQ(anna.token.find("annas"), std::string::npos);
  EXPECT_EQ(caller("bens-token").quota.prediction_rate, 60);
  EXPECT_EQ(caller("bens-token").quota.uploads, 4096U);
  for (const char* bad : {"trainings=0", "trainings=-1", "trainings", "trainings=x", "uploads=5XB",
                          "uploads=", "uploads=99999999TB", "rate=5", ""}) {
    try {
      Accounts::parse("first-token anna=annas-token;" + std::string(bad));
      ADD_FAILURE() << bad;
    } catch (const std::invalid_argument& error) {
      const std::string words = "token 2: '" + std::string(bad) + "' is no quota";
      EXPECT_TRUE(std::string(error.what()).starts_with(words)) << error.what();
    }
  }
}

TEST(Accounts, KnowsATokenThatEndsWithEqualsSigns) {
  EXPECT_EQ(account_of(Accounts::parse("c2VjcmV0c2VjcmV0=="), "Token c2VjcmV0c2VjcmV0=="), "dream");
  EXPECT_EQ(account_of(Accounts::parse("anna=c2VjcmV0c2VjcmV0=="), "Token c2VjcmV0c2VjcmV0=="),
            "anna");
}

TEST(Accounts, RefusesWeakTokensWithoutShowingThem) {
  for (const char* bad : {"short", "anna=short", "tökens-with-umlauts"}) {
    try {
      Accounts::parse(std::string("good-token ") + bad);
      ADD_FAILURE() << bad;
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()).find(bad), std::string::npos);
      EXPECT_NE(std::string(error.what()).find("token 2"), std::string::npos) << error.what();
    }
  }
}

TEST(Accounts, ReadsAFile) {
  const TemporaryFolder folder;
  const auto file = folder.write("tokens", "# people\nanna=annas-token\nben=bens-token\n");
  EXPECT_EQ(account_of(Accounts::read(file.string()), "Token bens-token"), "ben");
  EXPECT_THROW(Accounts::read(folder.write("none", "# nobody\n").string()), std::invalid_argument);
  EXPECT_THROW(Accounts::read((folder.path() / "missing").string()), std::invalid_argument);
}

}  // namespace
}  // namespace dream::host
