#include "host/cog/envelope.hpp"

#include <gtest/gtest.h>

namespace dream::host {
namespace {

std::variant<Envelope, Response> parse(std::string body, const char* type = "application/json") {
  Request request;
  request.body = std::move(body);
  if (type != nullptr) request.headers.emplace_back("Content-Type", type);
  return parse_envelope(request);
}

Envelope accepted(std::string body, const char* type = "application/json") {
  auto result = parse(std::move(body), type);
  EXPECT_TRUE(std::holds_alternative<Envelope>(result)) << std::get<Response>(result).body;
  return std::get<Envelope>(std::move(result));
}

TEST(Envelope, TakesWhatCogTakes) {
  const Envelope full = accepted(
      R"({"id":"a","input":{"x":1},"context":{"k":"v"},"webhook":"http://h",
          "webhook_events_filter":["start","completed"],"created_at":5,"unknown":[]})");
  EXPECT_EQ(full.id, "a");
  EXPECT_EQ(full.input, (nlohmann::json{{"x", 1}}));
  EXPECT_EQ(full.webhook, "http://h");
  EXPECT_TRUE(full.webhook_events.start && full.webhook_events.completed);
  EXPECT_FALSE(full.webhook_events.output || full.webhook_events.logs);

  const Envelope empty = accepted(R"({"id":null,"input":null,"webhook":null})");
  EXPECT_FALSE(empty.id || empty.webhook);
  EXPECT_EQ(empty.input, nlohmann::json::object());
  EXPECT_TRUE(empty.webhook_events.output && empty.webhook_events.logs);
}

TEST(Envelope, IgnoresTheBodyWithoutAContentType) {
  EXPECT_FALSE(accepted(R"({"id":"a"})", nullptr).id);
  EXPECT_FALSE(accepted("{bad", nullptr).id);
}

TEST(Envelope, TakesJsonMediaTypesOnly) {
  for (const char* type : {"application/json; charset=utf-8", "APPLICATION/JSON",
                           "application/vnd.api+json", "application/problem+json;x=y"}) {
    EXPECT_EQ(accepted(R"({"id":"a"})", type).id, "a") << type;
  }
  for (const char* type : {"text/plain", "application/jsonx", "text/json", "bad", "",
                           "image/svg+xml", "application/x-www-form-urlencoded"}) {
    const auto result = parse(R"({"id":"a"})", type);
    const auto& refusal = std::get<Response>(result);
    EXPECT_EQ(refusal.status, 415) << type;
    EXPECT_EQ(refusal.content_type, "text/plain; charset=utf-8");
    EXPECT_EQ(refusal.body, "Expected request with `Content-Type: application/json`");
  }
}

struct Case {
  int status;
  std::string body;
  std::string text;  // begins with
};

class Refuses : public testing::TestWithParam<Case> {};

TEST_P(Refuses, WithStatusAndText) {
  const auto result = parse(GetParam().body);
  ASSERT_TRUE(std::holds_alternative<Response>(result));
  const auto& refusal = std::get<Response>(result);
  EXPECT_EQ(refusal.status, GetParam().status);
  const std::string prefix = refusal.status == 400
                                 ? "Failed to parse the request body as JSON: "
                                 : "Failed to deserialize the JSON body into the target type: ";
  EXPECT_TRUE(refusal.body.starts_with(prefix + GetParam().text)) << refusal.body;
}

INSTANTIATE_TEST_SUITE_P(
    Bodies, Refuses,
    testing::Values(
        Case{400, "{bad", ""}, Case{400, "", "EOF while parsing a value at line 1 column 0"},
        Case{400, R"({"a":1)", "EOF"}, Case{400, R"({"input":{}} x)", ""},
        Case{400, "\xEF\xBB\xBF{}", "expected value at line 1 column 1"},
        Case{400, "{\"input\":{\"x\":\"\xff\"}}", ""}, Case{400, R"({"x":"\ud800"})", ""},
        Case{400, R"({"input":{"x":1e999}})", "number out of range"},
        Case{400, R"({"input":)" + std::string(100000, '[') + std::string(100000, ']') + "}",
             "recursion limit exceeded"},
        Case{422, "null", "invalid type: null, expected struct PredictionRequest"},
        Case{422, "5", "invalid type: integer `5`, expected struct PredictionRequest"},
        Case{422, R"({"id":5})", "id: invalid type: integer `5`, expected a string"},
        Case{422, R"({"id":true})", "id: invalid type: boolean `true`, expected a string"},
        Case{422, R"({"id":1.5})", "id: invalid type: floating point `1.5`, expected a string"},
        Case{422, R"({"id":{}})", "id: invalid type: map, expected a string"},
        Case{422, R"({"id":[1]})", "id: invalid type: sequence, expected a string"},
        Case{422, R"({"webhook":5})", "webhook: invalid type: integer `5`, expected a string"},
        Case{422, R"({"webhook_events_filter":null})",
             "webhook_events_filter: invalid type: null, expected a sequence"},
        Case{422, R"({"webhook_events_filter":"start"})",
             R"(webhook_events_filter: invalid type: string "start", expected a sequence)"},
        Case{422, R"({"webhook_events_filter":["bad"]})",
             "webhook_events_filter[0]: unknown variant `bad`, expected one of `start`, `output`, "
             "`logs`, `completed`"},
        Case{422, R"({"context":null})", "context: invalid type: null, expected a map"},
        Case{422, R"({"context":{"a":1}})",
             "context.a: invalid type: integer `1`, expected a string"},
        Case{422, R"({"id":"a","id":"b"})", "duplicate field `id`"}));

TEST(Envelope, OfTheLegacyApiForgivesMore) {
  const auto parse_legacy = [](std::string body) {
    Request request;
    request.body = std::move(body);
    return parse_legacy_envelope(request);
  };
  const auto envelope = std::get<Envelope>(parse_legacy(
      R"({"id":"a","context":null,"webhook_events_filter":null,
          "output_file_prefix":"http://h/p/"})"));
  EXPECT_EQ(envelope.id, "a");
  EXPECT_TRUE(envelope.webhook_events.start && envelope.webhook_events.completed);
  EXPECT_EQ(envelope.output_file_prefix, "http://h/p/");
  EXPECT_EQ(std::get<Envelope>(parse_legacy("")).input, nlohmann::json::object());
  for (const char* wrong : {"{bad", "[]", R"({"id":5})", R"({"webhook_events_filter":["x"]})"}) {
    const auto refusal = std::get<Response>(parse_legacy(wrong));
    EXPECT_EQ(refusal.status, 422) << wrong;
    EXPECT_NE(refusal.body.find("\"loc\":[\"body\"]"), std::string::npos) << refusal.body;
  }
}

}  // namespace
}  // namespace dream::host
