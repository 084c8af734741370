// GET /docs: the API of one template as a page for people. Made on the server from the same OpenAPI
// document that programs read, so the two cannot disagree; no script, nothing from elsewhere.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace dream::host {

struct DocsPage {
  std::string name;                // of the template
  std::string description;
  std::string root;                // before its paths: "" or "/templates/NAME"
  std::vector<std::string> names;  // all templates served, the first at the root paths
  nlohmann::json document;         // openapi_document(), or null while the set-up runs
};

// The page, UTF-8. All that comes from templates is escaped.
std::string docs_page(const DocsPage& page);

// Content-Security-Policy for it: its style sheet is inline, all else is forbidden.
extern const char docs_page_policy[];

// `text` for the content of an element or a quoted attribute.
std::string escape_html(std::string_view text);

}  // namespace dream::host
