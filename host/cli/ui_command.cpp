// `dream ui`: command line of the playground for a server that runs elsewhere; it is host/web.
#include <memory>
#include <stdexcept>

#include "host/cli/commands.hpp"
#include "host/cli/errors.hpp"
#include "host/web/ui_server.hpp"

namespace dream::host {

void add_ui_command(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<UiOptions>();
  CLI::App* ui = app.add_subcommand("ui", "Serve the playground for any Cog server");
  ui->footer("Example:\n  dream ui --target http://gpu-box:5000\n"
             "A server of `dream serve` has the playground at /ui without this.");
  ui->add_option("--target", options->target, "Address of the Cog server")
      ->required()
      ->type_name("URL");
  ui->add_option("--host", options->host, "Address to listen on")
      ->capture_default_str()
      ->type_name("ADDRESS");
  ui->add_option("--port", options->port, "Port to listen on")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str()
      ->type_name("N");
  ui->callback([options, &chosen] {
    chosen = [options] {
      UiOptions resolved = *options;
      try {
        resolved.target = server_address(options->target);
      } catch (const std::invalid_argument& error) {
        throw UsageError(std::string("--target: ") + error.what());
      }
      return serve_ui(resolved);
    };
  });
}

}  // namespace dream::host
