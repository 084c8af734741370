#include "host/http/router.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace dream::host {
namespace {

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    const auto text = [](const char* name) {
      return [name](const std::shared_ptr<Exchange>& exchange) {
        const auto& parameters = exchange->request().parameters;
        const auto id = parameters.find("id");
        exchange->respond({200, "text/plain", id == parameters.end() ? name : id->second});
      };
    };
    router_.add("GET", "/", text("index"));
    router_.add("GET", "/health-check", text("health"));
    router_.add("POST", "/predictions", text("create"));
    router_.add("PUT", "/predictions/{id}", text("id"));
    router_.add("POST", "/throws", [](const auto&) { throw std::runtime_error("broken"); });
  }

  Response call(std::string method, std::string path) {
    Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    const auto exchange = std::make_shared<Exchange>(std::move(request));
    router_.handle(exchange);
    EXPECT_TRUE(exchange->answered());
    return exchange->response();
  }

  Router router_;
};

TEST_F(RouterTest, FindsRoutesAndDecodesParameters) {
  EXPECT_EQ(call("GET", "/").body, "index");
  EXPECT_EQ(call("HEAD", "/health-check").body, "health");
  EXPECT_EQ(call("PUT", "/predictions/a%2Fb%20c").body, "a/b c");
}

TEST_F(RouterTest, AnswersUnknownPathsWithAnEmpty404) {
  for (const char* path : {"/nope", "/health-check/", "//", "/HEALTH-CHECK", "/predictions/",
                           "/predictions/a/", "/predictions/a/b", ""}) {
    const Response response = call("PUT", path);
    EXPECT_EQ(response.status, path == std::string() ? 405 : 404) << path;
    EXPECT_EQ(response.body, "");
  }
}

TEST_F(RouterTest, NamesTheAllowedMethods) {
  const auto allow = [&](const char* method, const char* path) {
    const Response response = call(method, path);
    EXPECT_EQ(response.status, 405);
    return response.headers.at(0).second;
  };
  EXPECT_EQ(allow("POST", "/"), "GET,HEAD");
  EXPECT_EQ(allow("HEAD", "/predictions"), "POST");
  EXPECT_EQ(allow("GET", "/predictions/x"), "PUT");
}

TEST_F(RouterTest, RefusesAParameterThatIsNotUtf8) {
  const Response response = call("PUT", "/predictions/a%ff");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, "Invalid URL: Invalid UTF-8 in `id`");
}

TEST_F(RouterTest, TurnsAnExceptionIntoA500) {
  EXPECT_EQ(call("POST", "/throws").status, 500);
}

TEST(Exchange, AnswersOnceAndTellsOfADisconnectOnce) {
  int gone = 0;
  int answers = 0;
  Exchange exchange{Request()};
  exchange.on_disconnect([&] { ++gone; });
  exchange.on_response([&] { ++answers; });
  exchange.disconnect();
  exchange.disconnect();
  exchange.respond({200});
  EXPECT_EQ(gone, 1);
  EXPECT_EQ(answers, 0);
  EXPECT_FALSE(exchange.answered());
}

TEST(PathForLogs, LeavesCapabilitiesOut) {
  const auto shown = [](std::string path, std::map<std::string, std::string> parameters) {
    return path_for_logs({.method = "GET", .path = std::move(path), .query = "token=1",
                          .headers = {}, .parameters = std::move(parameters)});
  };
  EXPECT_EQ(shown("/files/a-secret/me.zip", {{"capability", "a-secret"}, {"name", "me.zip"}}),
            "/files/…/me.zip");
  EXPECT_EQ(shown("/files/a%2Dsecret/me.zip", {{"capability", "a-secret"}}), "/files/…");
  EXPECT_EQ(shown("/v1/files/a", {{"id", "a"}}), "/v1/files/a");
}

}  // namespace
}  // namespace dream::host
