// A request that is sent again does its work once, whatever the first try came to.
#include "host/platform/idempotency.hpp"

#include <gtest/gtest.h>

#include "host/platform/platform_core.hpp"
#include "temporary_folder.hpp"

namespace dream::host {
namespace {

class IdempotencyTest : public testing::Test {
 protected:
  IdempotencyTest() {
    options_.data = folder_.path();
    core_ = std::make_unique<PlatformCore>(options_, nullptr);
  }
  // `made_`: the id of what there is.
  Response answer(const std::function<Response(const std::string&)>& create,
                  const std::string& content = "content") {
    const Request request{"POST", "/v1/predictions", "", {{"Idempotency-Key", "key"}}};
    const auto find = [&](const std::string& id) -> std::optional<Response> {
      if (id != made_) return std::nullopt;
      return Response{201, "application/json", "found"};
    };
    return answer_once(core_->replies, request, "anna", content, find, create);
  }
  Response make(const std::string& id) {
    made_ = id;
    return {201, "application/json", "made"};
  }

  TemporaryFolder folder_;
  PlatformOptions options_;
  std::unique_ptr<PlatformCore> core_;
  std::string made_;
};

TEST_F(IdempotencyTest, FindsWhatWasMadeBeforeItsAnswerFailed) {
  EXPECT_THROW(answer([&](const std::string& id) -> Response {
                 make(id);
                 throw BlobsUnavailable("away");
               }),
               BlobsUnavailable);
  EXPECT_EQ(answer([&](const std::string& id) { return make(id); }).body, "found");
}

TEST_F(IdempotencyTest, MakesWhatWasNotMade) {
  std::string first;
  EXPECT_THROW(answer([&](const std::string& id) -> Response {
                 first = id;
                 throw std::runtime_error("full");
               }),
               std::runtime_error);
  EXPECT_EQ(answer([&](const std::string& id) { return make(id); }).body, "made");
  EXPECT_EQ(made_, first);
}

TEST_F(IdempotencyTest, ARefusalFreesTheKey) {
  EXPECT_THROW(answer([](const std::string&) -> Response { throw Refusal(422, "no"); }), Refusal);
  EXPECT_EQ(answer([&](const std::string& id) { return make(id); }, "other").body, "made");
}

}  // namespace
}  // namespace dream::host
