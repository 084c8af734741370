#include "sdk/engine/schedulers/scheduler.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "sdk/engine/engine.hpp"

namespace dream::engine {

std::unique_ptr<Scheduler> make_scheduler(const std::string& name, const nlohmann::json& config,
                                          const SchedulerOptions& options) {
  struct Entry {
    std::unique_ptr<Scheduler> (*make)(const nlohmann::json&, const SchedulerOptions&);
    bool karras;
  };
  using Json = nlohmann::json;
  using Options = SchedulerOptions;
  static const std::map<std::string, Entry> entries = {
      {"DDIM", {[](const Json& c, const Options& o) { return make_ddim(c, o.eta); }, false}},
      {"DPMSolverMultistep",
       {[](const Json& c, const Options& o) { return make_dpmsolver_multistep(c, o.karras); },
        true}},
      {"HeunDiscrete",
       {[](const Json& c, const Options& o) { return make_heun_discrete(c, o.karras); }, true}},
      {"K_EULER_ANCESTRAL",
       {[](const Json& c, const Options&) { return make_euler_ancestral_discrete(c); }, false}},
      {"K_EULER",
       {[](const Json& c, const Options& o) { return make_euler_discrete(c, o.karras); }, true}},
      {"KLMS",
       {[](const Json& c, const Options& o) { return make_lms_discrete(c, o.karras); }, true}},
      {"PNDM", {[](const Json& c, const Options&) { return make_pndm(c); }, false}},
      {"UniPCMultistep",
       {[](const Json& c, const Options& o) { return make_unipc_multistep(c, o.karras); }, true}},
      {"LCM", {[](const Json& c, const Options& o) { return make_lcm(c, o.strength); }, false}},
  };
  const auto found = entries.find(name);
  if (found == entries.end())
    throw InvalidInput(fmt::format("scheduler: {} is not known; allowed: {}", name,
                                   fmt::join(scheduler_names, ", ")));
  if (options.karras && !found->second.karras) {
    std::vector<std::string> able;
    for (const auto& [other, entry] : entries)
      if (entry.karras) able.push_back(other);
    throw InvalidInput(fmt::format("karras: {} has no Karras spacing; allowed with: {}", name,
                                   fmt::join(able, ", ")));
  }
  if (options.eta != 0 && name != "DDIM")
    throw InvalidInput(fmt::format("eta: {} puts no noise back by it; allowed with: DDIM", name));
  return found->second.make(config, options);
}

}  // namespace dream::engine
