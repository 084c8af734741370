#include "host/cog/openapi.hpp"

#include <gtest/gtest.h>

namespace dream::host {
namespace {

using nlohmann::json;

json document(const char* inputs, const char* output = R"({"type":"string","kind":"single"})") {
  return openapi_document(
      {{"name", "t"}, {"inputs", json::parse(inputs)}, {"output", json::parse(output)}});
}

json property(const char* input) {
  const json schemas = document((std::string("[") + input + "]").c_str())["components"]["schemas"];
  return schemas["Input"]["properties"].front();
}

TEST(OpenApi, ShowsEachTypeAsCogDoes) {
  const auto check = [](const char* input, const char* expected) {
    EXPECT_EQ(property(input).dump(), json::parse(expected).dump()) << input;
  };
  check(R"({"name":"num_steps","type":"integer","default":3,"ge":1.0,"le":500.0,
            "description":"Steps"})",
        R"({"title":"Num Steps","type":"integer","default":3,"minimum":1,"maximum":500,
            "description":"Steps","x-order":0})");
  check(R"({"name":"scale","type":"number","default":7.5,"ge":0.5})",
        R"({"title":"Scale","type":"number","default":7.5,"minimum":0.5,"x-order":0})");
  check(R"({"name":"on","type":"boolean","default":false,"deprecated":true})",
        R"({"title":"On","type":"boolean","default":false,"deprecated":true,"x-order":0})");
  check(R"({"name":"s","type":"string","min_length":1,"max_length":9,"regex":"^a"})",
        R"({"title":"S","type":"string","minLength":1,"maxLength":9,"pattern":"^a","x-order":0})");
  check(R"({"name":"image","type":"file","nullable":true})",
        R"({"title":"Image","type":"string","format":"uri","nullable":true,"x-order":0})");
  check(R"({"name":"key","type":"secret","nullable":true})",
        R"({"title":"Key","type":"string","format":"password","writeOnly":true,
            "x-cog-secret":true,"nullable":true,"x-order":0})");
  check(R"({"name":"any","type":"json"})", R"({"title":"Any","type":"object","x-order":0})");
  check(R"({"name":"xs","type":"string","list":true,"default":["a"]})",
        R"({"title":"Xs","type":"array","items":{"type":"string"},"default":["a"],"x-order":0})");
  check(R"({"name":"u","type":"string","any_of":["string","integer"],"nullable":true})",
        R"({"title":"U","anyOf":[{"type":"string","nullable":true},
            {"type":"integer","nullable":true}],"nullable":true,"x-order":0})");
  check(R"({"name":"size","type":"integer","choices":[128,256],"default":128,"description":"S"})",
        R"({"allOf":[{"$ref":"#/components/schemas/size"}],"default":128,"description":"S",
            "x-order":0})");
}

TEST(OpenApi, PutsChoicesIntoAComponent) {
  const json schemas = document(
      R"([{"name":"size","type":"integer","choices":[128,256]}])")["components"]["schemas"];
  EXPECT_EQ(schemas["size"], json::parse(R"({"title":"size","description":"An enumeration.",
                                             "enum":[128,256],"type":"integer"})"));
}

TEST(OpenApi, RequiresWhatHasNoDefaultInDeclaredOrder) {
  const json schemas = document(R"([{"name":"z","type":"string"},{"name":"m","type":"string",
      "nullable":true},{"name":"d","type":"string","default":""},{"name":"a","type":"file"}])")
      ["components"]["schemas"];
  EXPECT_EQ(schemas["Input"]["required"], (json{"z", "a"}));
  EXPECT_EQ(schemas["Input"]["properties"]["a"]["x-order"], 3);
  const json none = document(R"([{"name":"d","type":"string","default":""}])");
  EXPECT_FALSE(none["components"]["schemas"]["Input"].contains("required"));
}

TEST(OpenApi, ShowsTheOutput) {
  const auto output = [](const char* type) {
    return document("[]", type)["components"]["schemas"]["Output"].dump();
  };
  EXPECT_EQ(output(R"({"type":"file","kind":"single"})"),
            R"({"format":"uri","title":"Output","type":"string"})");
  EXPECT_EQ(output(R"({"type":"file","kind":"list"})"),
            R"({"items":{"format":"uri","type":"string"},"title":"Output","type":"array"})");
  EXPECT_EQ(output(R"({"type":"integer","kind":"iterator"})"),
            R"({"items":{"type":"integer"},"title":"Output","type":"array",)"
            R"("x-cog-array-type":"iterator"})");
  EXPECT_EQ(output(R"({"type":"string","kind":"concatenate"})"),
            R"({"items":{"type":"string"},"title":"Output","type":"array",)"
            R"("x-cog-array-display":"concatenate","x-cog-array-type":"iterator"})");
}

// The chain that Cog's own client walks, and the envelope around it.
TEST(OpenApi, KeepsThePathsOfCog) {
  const json all = document("[]");
  EXPECT_EQ(all["openapi"], "3.0.2");
  EXPECT_EQ(all["info"]["title"], "Cog");
  const json post = all["paths"]["/predictions"]["post"];
  EXPECT_EQ(post["operationId"], "predict_predictions_post");
  EXPECT_EQ(post["responses"]["200"]["content"]["application/json"]["schema"]["$ref"],
            "#/components/schemas/PredictionResponse");
  EXPECT_EQ(all["components"]["schemas"]["PredictionResponse"]["properties"]["output"]["$ref"],
            "#/components/schemas/Output");
  EXPECT_EQ(all["paths"].size(), 4U);
  const json cancel = all["paths"]["/predictions/{prediction_id}/cancel"]["post"];
  EXPECT_EQ(cancel["parameters"][0],
            json::parse(R"({"in":"path","name":"prediction_id","required":true,
                            "schema":{"title":"Prediction Id","type":"string"}})"));
  EXPECT_EQ(all["components"]["schemas"]["ValidationError"]["properties"]["loc"],
            json::parse(R"({"title":"Location","type":"array","items":{"anyOf":[
                            {"type":"string"},{"type":"integer"}]}})"));
}

TEST(OpenApi, DeclaresStreamsForOutputThatComesItemByItem) {
  const auto declared = [](const char* output) {
    return document("[]", output)["paths"]["/predictions"]["post"].contains("x-cog-streaming");
  };
  EXPECT_TRUE(declared(R"({"type":"file","kind":"iterator"})"));
  EXPECT_TRUE(declared(R"({"type":"string","kind":"concatenate"})"));
  EXPECT_FALSE(declared(R"({"type":"string","kind":"list"})"));
  EXPECT_FALSE(declared(R"({"type":"string","kind":"single"})"));
}

}  // namespace
}  // namespace dream::host
