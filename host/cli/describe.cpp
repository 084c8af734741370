#include "host/cli/describe.hpp"

#include <algorithm>

namespace dream::host {
namespace {

struct Answer {
  std::vector<nlohmann::json> schemas;
  std::string failure;
};

Answer ask(Session& session, WorkerOptions options, const std::vector<TemplateFile>& templates) {
  options.templates.clear();
  for (const auto& file : templates) options.templates.push_back({file.name, file.path});
  options.setup = false;
  options.slots = 1;
  options.max_respawns = 0;
  WorkerPool pool(session.io(), options);
  bool settled = false;
  pool.on_settled([&] { settled = true; });
  pool.start();
  session.run_until([&] { return settled; });
  if (pool.health() == Health::ready) return {pool.schemas(), {}};
  return {{}, failure_of(pool.setup())};
}

const nlohmann::json* find_schema(const std::vector<nlohmann::json>& schemas,
                                  const TemplateFile& file) {
  const auto found = std::find_if(schemas.begin(), schemas.end(), [&](const auto& schema) {
    return schema.value("path", "") == file.path.string() || schema.value("name", "") == file.name;
  });
  return found == schemas.end() ? nullptr : &*found;
}

}  // namespace

std::string failure_of(const SetupReport& setup) {
  std::string_view logs = setup.logs;
  while (logs.ends_with('\n')) logs.remove_suffix(1);
  logs = logs.substr(logs.rfind('\n') + 1);  // npos + 1 is the beginning
  return logs.empty() ? "the worker did not start" : std::string(logs);
}

std::vector<Description> describe_templates(Session& session, const WorkerOptions& options,
                                            const std::vector<TemplateFile>& templates) {
  std::vector<Description> descriptions;
  const Answer all = templates.empty() ? Answer{} : ask(session, options, templates);
  for (const auto& file : templates) {
    Description description{file, {}, {}};
    const nlohmann::json* schema = find_schema(all.schemas, file);
    Answer alone;
    if (schema == nullptr) {  // asked alone it says why, or that it was another one's fault
      alone = templates.size() == 1 && !all.failure.empty() ? all : ask(session, options, {file});
      schema = find_schema(alone.schemas, file);
    }
    if (schema != nullptr)
      description.schema = *schema;
    else
      description.refusal = alone.failure.empty() ? "it did not describe itself" : alone.failure;
    descriptions.push_back(std::move(description));
  }
  return descriptions;
}

}  // namespace dream::host
