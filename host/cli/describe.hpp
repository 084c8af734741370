// What templates say of themselves, learnt by a worker that loads them but sets nothing up.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/cli/session.hpp"
#include "host/cli/template_search.hpp"
#include "host/workers/worker_pool.hpp"

namespace dream::host {

struct Description {
  TemplateFile file;
  nlohmann::json schema;  // SCHEMA of host/workers/protocol.hpp, null if refused
  std::string refusal;    // why the template could not be loaded
};

// One description for each of `templates`, in their order. A template that is refused, or even ends
// the worker, does not hide the others. `options` says the weights, on which defaults may depend.
std::vector<Description> describe_templates(Session& session, const WorkerOptions& options,
                                            const std::vector<TemplateFile>& templates);

// The reason in the logs of a set-up that failed: its last line.
std::string failure_of(const SetupReport& setup);

}  // namespace dream::host
