#include "sdk/engine/schedulers/scheduler.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "sdk/engine/engine.hpp"

namespace dream::engine {

std::unique_ptr<Scheduler> make_scheduler(const std::string& name, const nlohmann::json& config,
                                          const SchedulerOptions& options) {
  if (name == "DPMSolverMultistep") return make_dpmsolver_multistep(config, options.karras);
  if (name != "DDIM" && name != "PNDM")
    throw InvalidInput(fmt::format("scheduler: {} is not known; allowed: {}", name,
                                   fmt::join(scheduler_names, ", ")));
  if (options.karras)
    throw InvalidInput(
        fmt::format("karras: {} has no Karras spacing; allowed with: DPMSolverMultistep", name));
  return name == "DDIM" ? make_ddim(config) : make_pndm(config);
}

}  // namespace dream::engine
