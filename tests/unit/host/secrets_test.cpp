#include "host/predictions/secrets.hpp"

#include <gtest/gtest.h>

#include "host/predictions/prediction.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

const json schema = {{"inputs",
                      {{{"name", "key"}, {"type", "secret"}},
                       {{"name", "keys"}, {"type", "secret"}, {"list", true}},
                       {{"name", "text"}, {"type", "string"}}}}};

TEST(Secrets, AreMaskedInAnyForm) {
  EXPECT_EQ(mask_secrets(schema, {{"key", "abcd"}, {"keys", {"x", "y"}}, {"text", "t"}}),
            json({{"key", secret_mask}, {"keys", {secret_mask, secret_mask}}, {"text", "t"}}));
  EXPECT_EQ(mask_secrets(schema, {{"key", nullptr}}), json({{"key", nullptr}}));
  EXPECT_EQ(mask_secrets(schema, {{"key", 4711}}), json({{"key", secret_mask}}));
  EXPECT_EQ(mask_secrets(schema, "abcd"), "abcd");
}

TEST(Secrets, TheLongestIsReplacedFirst) {
  const auto values = secret_values(schema, {{"key", "abcd"}, {"keys", {"abcdef", "abc"}}});
  EXPECT_EQ(values, (std::vector<std::string>{"abcdef", "abcd"}));
  EXPECT_EQ(without_secrets("abcdef abcd abc", values),
            std::string(secret_mask) + " " + secret_mask + " abc");
}

TEST(Secrets, APredictionConcealsThem) {
  Prediction prediction({}, {});
  prediction.conceal({"hunter2"});
  prediction.start();
  prediction.log("password: hunter2");
  prediction.progress({1, 2, 0.5, "with hunter2"});
  prediction.fail("hunter2 was refused");
  const Snapshot& seen = prediction.snapshot();
  EXPECT_EQ((seen.logs + seen.error + seen.progress.label).find("hunter2"), std::string::npos);
  EXPECT_EQ(seen.error, std::string(secret_mask) + " was refused");
}

}  // namespace
}  // namespace dream::host
