// `dream push`: an image of a layout goes to a registry; it is host/oci/push.hpp.
#include <fmt/format.h>

#include <memory>

#include "host/cli/commands.hpp"
#include "host/cli/registry_flags.hpp"
#include "host/oci/push.hpp"
#include "weights/inspect.hpp"

namespace dream::host {
namespace {

struct PushFlags {
  std::string layout, destination, base;
  std::vector<std::string> mount_from;
  RegistryFlags registry;
};

std::string without_scheme(const std::string& reference) {
  constexpr std::string_view scheme = "docker://";
  return reference.starts_with(scheme) ? reference.substr(scheme.size()) : reference;
}

int push(const PushFlags& flags) {
  return run_image_work([&](const oci::Control& control) {
    oci::PushRequest request{oci::parse_layout_name(flags.layout),
                             oci::parse_reference(without_scheme(flags.destination)),
                             flags.mount_from,
                             {}};
    if (!flags.base.empty()) request.base = oci::parse_image_name(flags.base);
    const auto result = oci::push_image(request, flags.registry.resolved(), control);
    control.say(fmt::format("{}: {} blobs were there, {} mounted, {} uploaded ({})",
                            request.destination.text(), result.blobs_there, result.blobs_mounted,
                            result.blobs_uploaded, weights::human_bytes(result.bytes_uploaded)));
    fmt::print("{}\n", result.version.hex());
    return 0;
  });
}

}  // namespace

void add_push_command(CLI::App& app, Command& chosen) {
  const auto flags = std::make_shared<PushFlags>();
  CLI::App* push_app = app.add_subcommand(
      "push", "Push an image to a registry; goes on where it was cut; prints the version id");
  push_app->footer("Example:\n  dream push ./image:mine registry.example.com/me/model:1");
  push_app->add_option("layout", flags->layout, "A layout, PATH[:TAG]")
      ->required()
      ->type_name("LAYOUT");
  push_app->add_option("destination", flags->destination, "REGISTRY/REPO:TAG")
      ->required()
      ->type_name("IMAGE");
  push_app
      ->add_option("--mount-from", flags->mount_from,
                   "A repository of the same registry that may have layers; may repeat")
      ->type_name("REPO");
  push_app->add_option("--base", flags->base, "Where the layers lie that a thin layout lacks")
      ->type_name("IMAGE");
  flags->registry.add_to(*push_app);
  push_app->callback([flags, &chosen] { chosen = [flags] { return push(*flags); }; });
}

}  // namespace dream::host
