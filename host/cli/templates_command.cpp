// `dream templates`: which templates are installed, and what they take.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "host/cli/check_command.hpp"
#include "host/cli/commands.hpp"
#include "host/cli/describe.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/worker_flags.hpp"
#include "host/cog/openapi.hpp"

namespace dream::host {
namespace {

struct TemplatesFlags {
  bool json = false;
  std::string name;
  WorkerFlags worker;
  CheckFlags check;
};

std::string input_names(const nlohmann::json& schema, bool required) {
  std::vector<std::string> names;
  for (const auto& input : schema.value("inputs", nlohmann::json::array()))
    if (required == (!input.contains("default") && !input.value("nullable", false)))
      names.push_back(input.value("name", ""));
  return fmt::format("{}", fmt::join(names, ", "));
}

void print_description(const Description& description, std::size_t name_width) {
  const auto& schema = description.schema;
  if (schema.is_null()) {
    fmt::print("{:{}}  refused: {}\n", description.file.name, name_width, description.refusal);
    return;
  }
  fmt::print("{:{}}  {}\n", schema.value("name", description.file.name), name_width,
             schema.value("description", ""));
  const auto required = input_names(schema, true);
  if (!required.empty()) fmt::print("{:{}}  needs {}\n", "", name_width, required);
  const auto optional = input_names(schema, false);
  if (!optional.empty()) fmt::print("{:{}}  takes {}\n", "", name_width, optional);
}

// Refused templates are listed with their refusal and do not fail the listing.
int list_templates(const TemplatesFlags& flags) {
  Session session;
  const auto descriptions = describe_templates(session, flags.worker.options(), find_templates());
  if (flags.json) {
    auto list = nlohmann::json::array();
    for (const auto& description : descriptions) {
      nlohmann::json entry = description.schema;
      if (entry.is_null())
        entry = {{"name", description.file.name}, {"refusal", description.refusal}};
      entry["path"] = description.file.path.string();
      list.push_back(std::move(entry));
    }
    fmt::print("{}\n", list.dump(2));
  } else {
    std::size_t width = 0;
    for (const auto& description : descriptions)
      width = std::max(width, description.file.name.size());
    for (const auto& description : descriptions) print_description(description, width);
    if (descriptions.empty()) fmt::print(stderr, "no templates are installed\n");
  }
  return 0;
}

int print_schema(const TemplatesFlags& flags) {
  Session session;
  const auto file = pick_template(find_templates(), flags.name);
  const auto described = describe_templates(session, flags.worker.options(), {file}).front();
  if (described.schema.is_null()) throw std::runtime_error(described.refusal);
  fmt::print("{}\n", openapi_document(described.schema).dump(2));
  return 0;
}

}  // namespace

void add_templates_command(CLI::App& app, Command& chosen) {
  const auto flags = std::make_shared<TemplatesFlags>();
  CLI::App* templates = app.add_subcommand("templates", "List the templates that are installed");
  templates->footer(
      "Example:\n  dream templates\n  dream templates schema vanilla\n  dream templates check "
      "hello.so");
  templates->add_flag("--json", flags->json, "Print the schemas as JSON");
  flags->worker.add_to(*templates);
  CLI::App* schema = templates->add_subcommand("schema", "Print the OpenAPI 3.0.2 document of one");
  schema->footer("Example:\n  dream templates schema vanilla");
  schema->add_option("name", flags->name, "The template")->required()->type_name("NAME");
  CLI::App* check = add_check_subcommand(*templates, flags->check);
  templates->callback([flags, schema, check, &chosen] {
    if (check->parsed()) {
      chosen = [flags] { return run_check(flags->check, flags->worker, flags->json); };
      return;
    }
    const bool one = schema->parsed();
    chosen = [flags, one] { return one ? print_schema(*flags) : list_templates(*flags); };
  });
}

}  // namespace dream::host
