#include "host/cog/docs_page.hpp"

#include <gtest/gtest.h>

#include "host/cog/openapi.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

DocsPage page_of(const char* inputs, const char* kind = "iterator") {
  const json schema = {{"name", "t"},
                       {"inputs", json::parse(inputs)},
                       {"output", {{"type", "string"}, {"kind", kind}}}};
  return {"t", "Draws <things>.", "", {"t", "u"}, openapi_document(schema)};
}

bool has(const std::string& page, const char* text) {
  return page.find(text) != std::string::npos;
}

TEST(DocsPage, ShowsEachInputInItsOrder) {
  const std::string page = docs_page(page_of(
      R"([{"name":"z","type":"string","description":"A <b> & \"c\""},
          {"name":"a","type":"integer","default":3,"ge":1,"le":9},
          {"name":"size","type":"integer","choices":[128,256],"default":128},
          {"name":"f","type":"file","nullable":true}])"));
  EXPECT_LT(page.find("<code>z</code>"), page.find("<code>a</code>"));
  EXPECT_TRUE(has(page, "A &lt;b&gt; &amp; &quot;c&quot;")) << page;
  EXPECT_TRUE(has(page, "at least 1, at most 9"));
  EXPECT_TRUE(has(page, "one of <code>128</code>, <code>256</code>"));
  EXPECT_TRUE(has(page, "file (URL or data URL)"));
  EXPECT_TRUE(has(page, "<td>required</td>"));
  EXPECT_TRUE(has(page, "Draws &lt;things&gt;."));
  EXPECT_TRUE(has(page, "/templates/u/docs"));
  EXPECT_TRUE(has(page, "text/event-stream"));
  EXPECT_FALSE(has(page, "<script"));
  EXPECT_FALSE(has(page, "Trainings"));
}

TEST(DocsPage, SaysHowToStreamOnlyWhereThatWorks) {
  EXPECT_FALSE(has(docs_page(page_of("[]", "single")), "text/event-stream"));
}

TEST(DocsPage, IsThereBeforeTheSetUpIsDone) {
  const std::string page = docs_page({"t", "", "", {"t"}, nullptr});
  EXPECT_TRUE(has(page, "/predictions"));
  EXPECT_TRUE(has(page, "reload this page"));
}

}  // namespace
}  // namespace dream::host
