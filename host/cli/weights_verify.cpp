// `dream weights verify`: are these weights whole?
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "host/base/paths.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/weights_commands.hpp"
#include "weights/verify.hpp"

namespace dream::host {
namespace fs = std::filesystem;
namespace {

struct VerifyFlags {
  std::string target;
  std::string models;
  bool json = false;
};

int verify_weights(const VerifyFlags& flags) {
  std::error_code error;
  fs::path path = flags.target;
  const fs::path store = flags.models.empty() ? default_model_store() : fs::path(flags.models);
  if (!fs::exists(path, error) && flags.target.find('/') == std::string::npos)
    path = store / flags.target;
  if (!fs::exists(path, error))
    throw UsageError(fmt::format("there is no '{}', neither as a path nor in the model store {}",
                                 flags.target, store.string()));
  const nlohmann::json report = weights::verify(path);
  fmt::print("{}", flags.json ? report.dump(2) + "\n" : weights::format_verify_report(report));
  return report["ok"].get<bool>() ? 0 : exit_failed;
}

}  // namespace

void add_weights_verify(CLI::App& weights, Command& chosen) {
  const auto flags = std::make_shared<VerifyFlags>();
  CLI::App* verify = weights.add_subcommand(
      "verify", "Are weights whole: readable, complete, finite, as they were pulled");
  verify->footer("Example:\n  dream weights verify model --json");
  verify->add_option("target", flags->target, "A folder, a file, or a name in the model store")
      ->required()
      ->type_name("DIR|FILE|NAME");
  verify->add_option("--models", flags->models, "Model store (default ~/.cache/dream/models)")
      ->envname("DREAM_MODELS")
      ->type_name("DIR");
  verify->add_flag("--json", flags->json, "Print the report as JSON");
  verify->callback([flags, &chosen] { chosen = [flags] { return verify_weights(*flags); }; });
}

}  // namespace dream::host
