// `dream version`: what this build is, and what the engine finds on this machine.
#include <dream/abi/types.h>
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "git_revision.hpp"
#include "host/base/paths.hpp"
#include "host/cli/commands.hpp"
#include "host/cli/describe.hpp"
#include "host/cli/session.hpp"
#include "host/workers/worker_pool.hpp"

namespace dream::host {
namespace {

struct VersionFlags {
  bool json = false;
};

// The worker's answer to "engine_info"; {"error": TEXT} where there is no engine.
nlohmann::json engine_info() {
  Session session;
  WorkerOptions options;
  options.program = worker_program();
  options.setup = false;
  options.max_respawns = 0;
  WorkerPool pool(session.io(), options);
  bool settled = false;
  pool.on_settled([&] { settled = true; });
  pool.start();
  session.run_until([&] { return settled; });
  if (pool.health() != Health::ready) return {{"error", failure_of(pool.setup())}};
  nlohmann::json info;
  pool.request({{"type", "engine_info"}}, [&](nlohmann::json answer) { info = std::move(answer); });
  session.run_until([&] { return !info.is_null(); });
  info.erase("type");
  return info;
}

int print_version(const VersionFlags& flags) {
  const std::string sdk = fmt::format("{}.{}", DREAM_SDK_MAJOR, DREAM_SDK_MINOR);
  const nlohmann::json engine = engine_info();
  const bool there = !engine.contains("error");
  const auto libtorch = there ? engine.value("torch", "unknown") : "none";
  if (flags.json) {
    nlohmann::ordered_json version = {
        {"version", DREAM_VERSION}, {"revision", git_revision}, {"sdk", sdk},
        {"libtorch", libtorch},     {"devices", nullptr},       {"dtype", nullptr}};
    version["devices"] = nlohmann::json::array();
    if (there) version["devices"].push_back(engine.value("device", "unknown"));
    if (there) version["dtype"] = engine.value("dtype", "unknown");
    if (!there) version["engine_error"] = engine["error"];
    fmt::print("{}\n", version.dump(2));
    return 0;
  }
  fmt::print("dream {} (revision {})\nSDK ABI {}\nlibtorch {}\n", DREAM_VERSION, git_revision, sdk,
             libtorch);
  if (there)
    fmt::print("device {}, {}\n", engine.value("device", "unknown"),
               engine.value("dtype", "unknown"));
  else
    fmt::print("no engine: {}\n", engine["error"].get<std::string>());
  return 0;
}

}  // namespace

void add_version_command(CLI::App& app, Command& chosen) {
  const auto flags = std::make_shared<VersionFlags>();
  CLI::App* version =
      app.add_subcommand("version", "Version, git revision, SDK, libtorch, devices");
  version->footer("Example:\n  dream version --json");
  version->add_flag("--json", flags->json, "Print as JSON");
  version->callback([flags, &chosen] { chosen = [flags] { return print_version(*flags); }; });
}

}  // namespace dream::host
