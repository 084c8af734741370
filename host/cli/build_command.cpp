// `dream build`: a template's image and weights become a model's image; it is host/oci/build.hpp.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "host/cli/commands.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/registry_flags.hpp"
#include "host/oci/build.hpp"
#include "weights/inspect.hpp"

namespace dream::host {
namespace {

struct BuildFlags {
  std::string base, weights, output;
  std::string compression = "none";
  std::string platform = "linux/amd64";
  std::vector<std::string> annotations;
  std::vector<std::string> mount_from;
  std::string managed_weights;
  std::string work_folder;
  bool keep_docker = false;
  bool thin = false;
  bool json = false;
  RegistryFlags registry;
};

std::map<std::string, std::string> parse_annotations(const std::vector<std::string>& flags) {
  std::map<std::string, std::string> annotations;
  for (const std::string& flag : flags) {
    const std::size_t equals = flag.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UsageError(fmt::format("--annotation {}: expected KEY=VALUE", flag));
    annotations[flag.substr(0, equals)] = flag.substr(equals + 1);
  }
  return annotations;
}

oci::BuildRequest request_of(const BuildFlags& flags) {
  oci::BuildRequest request;
  request.base = oci::parse_image_name(flags.base);
  request.weights = flags.weights;
  request.output = oci::parse_image_name(flags.output);
  request.compression = flags.compression == "gzip"   ? oci::Compression::gzip
                        : flags.compression == "zstd" ? oci::Compression::zstd
                                                      : oci::Compression::none;
  request.platform = oci::Platform::parse(flags.platform);
  request.annotations = parse_annotations(flags.annotations);
  request.managed_weights = flags.managed_weights;
  request.keep_docker = flags.keep_docker;
  request.thin = flags.thin;
  request.mount_from = flags.mount_from;
  request.work_folder = flags.work_folder;
  return request;
}

nlohmann::ordered_json to_json(const oci::BuildResult& result) {
  nlohmann::ordered_json json = {
      {"version", result.version.hex()},
      {"base", result.base.text()},
      {"weights", {{"files", result.weights_files}, {"bytes", result.weights_bytes}}},
      {"labels", result.labels}};
  if (result.layer.bytes > 0)
    json["layer"] = {{"digest", result.layer.digest.text()},
                     {"diff_id", result.layer.diff_id.text()},
                     {"bytes", result.layer.bytes}};
  if (result.push)
    json["push"] = {{"there", result.push->blobs_there},
                    {"mounted", result.push->blobs_mounted},
                    {"uploaded", result.push->blobs_uploaded},
                    {"bytes", result.push->bytes_uploaded}};
  return json;
}

int build(const BuildFlags& flags) {
  return run_image_work([&](const oci::Control& control) {
    const oci::BuildRequest request = request_of(flags);
    const auto result = oci::build_image(request, flags.registry.resolved(), control);
    control.say(fmt::format("{}: {} files, {} of weights", request.output.text(),
                            result.weights_files, weights::human_bytes(result.weights_bytes)));
    if (flags.json)
      fmt::print("{}\n", to_json(result).dump(2));
    else
      fmt::print("{}\n", result.version.hex());
    return 0;
  });
}

}  // namespace

void add_build_command(CLI::App& app, Command& chosen) {
  const auto flags = std::make_shared<BuildFlags>();
  CLI::App* build_app = app.add_subcommand(
      "build", "Add weights to a template's container image; prints the version id");
  build_app->footer(
      "Examples:\n  dream build --template registry.example.com/templates/vanilla:1 "
      "--weights output.zip -o ./image:mine\n"
      "  dream build --template ./template --weights model/ -o registry.example.com/me/model:1");
  build_app->add_option("--template", flags->base, "A layout, or REGISTRY/REPO:TAG or @sha256:…")
      ->required()
      ->type_name("IMAGE");
  build_app->add_option("--weights", flags->weights, "A folder or a trainer's output.zip")
      ->required()
      ->type_name("PATH");
  build_app->add_option("-o,--output", flags->output, "A layout (PATH[:TAG]) or REGISTRY/REPO:TAG")
      ->required()
      ->type_name("IMAGE");
  build_app->add_option("--compression", flags->compression, "Of the weights' layer")
      ->check(CLI::IsMember({"none", "gzip", "zstd"}))
      ->capture_default_str()
      ->type_name("KIND");
  build_app->add_option("--platform", flags->platform, "Which image of an index")
      ->capture_default_str()
      ->type_name("OS/ARCH");
  build_app->add_option("--annotation", flags->annotations, "KEY=VALUE of the manifest; may repeat")
      ->type_name("KEY=VALUE");
  build_app
      ->add_option("--managed-weights", flags->managed_weights,
                   "Cog's managed weights of this name instead of a layer")
      ->type_name("NAME");
  build_app
      ->add_option("--mount-from", flags->mount_from,
                   "A repository of the output's registry that may have layers; may repeat")
      ->type_name("REPO");
  build_app
      ->add_option("--work", flags->work_folder,
                   "Where an image for a registry is put together (default $TMPDIR)")
      ->type_name("DIR");
  build_app->add_flag("--keep-docker", flags->keep_docker,
                      "Keep the form of a template in Docker's, where OCI's is not needed");
  build_app->add_flag(
      "--thin", flags->thin,
      "Leave the template's layers out of a layout; `dream push --base` finds them");
  build_app->add_flag("--json", flags->json, "Print the result as JSON");
  flags->registry.add_to(*build_app);
  build_app->callback([flags, &chosen] { chosen = [flags] { return build(*flags); }; });
}

}  // namespace dream::host
