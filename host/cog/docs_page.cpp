#include "host/cog/docs_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "host/cog/json_text.hpp"
#include "host/cog/version.hpp"

namespace dream::host {

const char docs_page_policy[] =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

namespace {

using nlohmann::json;

constexpr char style[] = R"(:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}
pre{overflow-x:auto;padding:.75rem;border:1px solid;border-radius:.4rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #8886}
th{white-space:nowrap}
nav a{margin-right:1rem})";

std::string code(std::string_view text) {
  return fmt::format("<code>{}</code>", escape_html(text));
}

// The schema a property refers to, or the property itself.
const json& resolved(const json& property, const json& schemas) {
  if (!property.contains("allOf")) return property;
  const std::string reference = property["allOf"][0].at("$ref");
  return schemas.at(reference.substr(reference.rfind('/') + 1));
}

std::string type_text(const json& property, const json& schemas) {
  const json& schema = resolved(property, schemas);
  if (schema.contains("anyOf")) {
    std::string text;
    for (const auto& member : schema["anyOf"])
      text += (text.empty() ? "" : " or ") + member.value("type", "");
    return text;
  }
  const std::string type = schema.value("type", "");
  if (type == "array") return "list of " + type_text(schema.at("items"), schemas);
  if (schema.value("format", "") == "uri") return "file (URL or data URL)";
  return schema.value("format", "") == "password" ? "secret" : type;
}

std::string limits_text(const json& property, const json& schemas) {
  const json& schema = resolved(property, schemas);
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (schema.contains("enum")) {
    std::string choices;
    for (const auto& choice : schema["enum"])
      choices += (choices.empty() ? "" : ", ") +
                 code(choice.is_string() ? choice.get<std::string>() : choice.dump());
    add("one of " + choices);
  }
  if (schema.contains("minimum")) add("at least " + escape_html(quote(schema["minimum"])));
  if (schema.contains("maximum")) add("at most " + escape_html(quote(schema["maximum"])));
  if (schema.contains("minLength"))
    add(fmt::format("at least {} characters", schema["minLength"].dump()));
  if (schema.contains("maxLength"))
    add(fmt::format("at most {} characters", schema["maxLength"].dump()));
  if (schema.contains("pattern")) add("matches " + code(schema["pattern"].get<std::string>()));
  return text;
}

std::vector<std::pair<std::string, json>> in_order(const json& input) {
  std::vector<std::pair<std::string, json>> properties;
  for (const auto& [name, property] : input.at("properties").items())
    properties.emplace_back(name, property);
  std::stable_sort(properties.begin(), properties.end(), [](const auto& a, const auto& b) {
    return a.second.value("x-order", 0) < b.second.value("x-order", 0);
  });
  return properties;
}

std::string presence_text(const std::string& name, const json& property, const json& input) {
  const json required = input.value("required", json::array());
  if (std::find(required.begin(), required.end(), name) != required.end()) return "required";
  return property.contains("default") ? code(compact(property["default"])) : "optional";
}

std::string inputs_table(const json& input, const json& schemas) {
  std::string table =
      "<table><thead><tr><th scope=\"col\">Input</th><th scope=\"col\">Type</th>"
      "<th scope=\"col\">Default</th><th scope=\"col\">Meaning</th></tr></thead><tbody>\n";
  for (const auto& [name, property] : in_order(input)) {
    const std::string limits = limits_text(property, schemas);
    const std::string about = escape_html(property.value("description", ""));
    table += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}{}{}</td></tr>\n", code(name),
        escape_html(type_text(property, schemas)), presence_text(name, property, input), about,
        about.empty() || limits.empty() ? "" : "<br>", limits);
  }
  return table + "</tbody></table>\n";
}

// A body that the server takes: a value for everything that is required.
json example_input(const json& input, const json& schemas) {
  json example = json::object();
  for (const auto& name : input.value("required", json::array())) {
    const json& schema = resolved(input["properties"][name.get<std::string>()], schemas);
    const std::string type = schema.value("type", "string");
    json value = "…";
    if (schema.contains("enum")) value = schema["enum"][0];
    else if (type == "integer" || type == "number") value = schema.value("minimum", json(1));
    else if (type == "boolean") value = false;
    else if (type == "array") value = json::array();
    else if (type == "object") value = json::object();
    else if (schema.value("format", "") == "uri") value = "https://example.com/picture.png";
    example[name.get<std::string>()] = value;
  }
  return example;
}

std::string curl_example(const std::string& path, const json& body, const std::string& header) {
  return fmt::format(
      "<pre><code>curl -s{} -H 'Content-Type: application/json' \\\n  -d '{}' \\\n"
      "  http://HOST:PORT{}</code></pre>\n",
      header.empty() ? "" : escape_html(" -N -H '" + header + "'"), escape_html(compact(body)),
      escape_html(path));
}

std::string endpoints_table(const DocsPage& page) {
  std::string rows;
  const auto row = [&](const char* method, const std::string& path, const char* meaning) {
    rows += fmt::format("<tr><th scope=\"row\">{} {}</th><td>{}</td></tr>\n", method, code(path),
                        meaning);
  };
  const auto runs = [&](const std::string& path, const char* what) {
    row("POST", page.root + path,
        "Runs the template and answers with the result; with <code>Prefer: respond-async</code> at "
        "once");
    row("PUT", page.root + path + "/{id}",
        "The same under an id of yours; again for a running one: its state");
    row("POST", page.root + path + "/{id}/cancel", what);
  };
  runs("/predictions", "Cancels a prediction");
  const bool trains = page.document.is_object() && page.document["paths"].contains("/trainings");
  if (trains) runs("/trainings", "Cancels a training");
  row("GET", page.root + "/health-check", "How the server is, and the log of its set-up");
  row("GET", page.root + "/openapi.json", "This page for programs: OpenAPI 3.0.2");
  row("GET", "/templates", "Every template that is served");
  row("GET", "/metrics", "Counters for Prometheus");
  row("POST", "/shutdown", "Ends the server when what runs is done");
  return "<table><tbody>\n" + rows + "</tbody></table>\n";
}

std::string entry_section(const DocsPage& page, const std::string& title, const std::string& path,
                          const std::string& input_name) {
  const json& schemas = page.document["components"]["schemas"];
  const json& input = schemas.at(input_name);
  const json body = {{"input", example_input(input, schemas)}};
  std::string section = fmt::format("<h2>{}</h2>\n", title) + inputs_table(input, schemas);
  section += curl_example(page.root + path, body, "");
  const bool streams = page.document["paths"]["/predictions"]["post"].contains("x-cog-streaming");
  if (streams && path == "/predictions")
    section += "<p>As it happens, with progress and previews:</p>\n" +
               curl_example(page.root + path + "?events=progress,preview", body,
                            "Accept: text/event-stream");
  return section;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string docs_page(const DocsPage& page) {
  const std::string name = escape_html(page.name);
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\">"
      "<title>{} API</title><style>{}</style></head>\n<body>\n<h1>{}</h1>\n<p>{}</p>\n<nav "
      "aria-label=\"Templates\">",
      name, style, name, escape_html(page.description));
  for (const auto& other : page.names)
    html += fmt::format("<a href=\"/templates/{}/docs\">{}</a>", escape_html(other),
                        escape_html(other));
  html += "<a href=\"/ui\">Playground</a></nav>\n<h2>Paths</h2>\n" + endpoints_table(page);
  if (page.document.is_null()) {
    html += "<p>The inputs are shown once the set-up is done: reload this page then.</p>\n";
  } else {
    html += entry_section(page, "Predictions", "/predictions", "Input");
    if (page.document["components"]["schemas"].contains("TrainingInput"))
      html += entry_section(page, "Trainings", "/trainings", "TrainingInput");
  }
  return html + fmt::format("<p>dream {}, Cog API {}</p>\n</body></html>\n", dream_version,
                            cog_wire_version);
}

}  // namespace dream::host
