// `dream weights` and its `inspect`: what weight files hold.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "host/cli/commands.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/weights_commands.hpp"
#include "weights/inspect.hpp"

namespace dream::host {
namespace {

struct InspectFlags {
  std::string path;
  bool json = false;
};

int inspect_weights(const InspectFlags& flags) {
  std::error_code error;
  if (!std::filesystem::exists(flags.path, error))
    throw UsageError(fmt::format("there is no '{}': give a weight file or a folder", flags.path));
  const nlohmann::json report = weights::inspect(flags.path);
  const std::string text = flags.json ? report.dump(2) : weights::format_report(report);
  fmt::print("{}{}", text, text.ends_with('\n') ? "" : "\n");
  return 0;
}

}  // namespace

void add_weights_command(CLI::App& app, Command& chosen) {
  const auto flags = std::make_shared<InspectFlags>();
  CLI::App* weights =
      app.add_subcommand("weights", "Look into weights, convert, make, fetch and check them");
  weights->footer("Example:\n  dream weights inspect model/unet");
  CLI::App* inspect = weights->add_subcommand(
      "inspect", "Tensors, shapes, dtypes, the kind of model, and keys that match nothing");
  inspect->footer("Example:\n  dream weights inspect diffusion_pytorch_model.safetensors --json");
  inspect->add_option("path", flags->path, "A weight file or a folder")
      ->required()
      ->type_name("PATH");
  inspect->add_flag("--json", flags->json, "Print the report as JSON");
  inspect->callback([flags, &chosen] { chosen = [flags] { return inspect_weights(*flags); }; });
  add_weights_convert(*weights, chosen);
  add_weights_init(*weights, chosen);
  add_weights_pull(*weights, chosen);
  add_weights_verify(*weights, chosen);
}

}  // namespace dream::host
