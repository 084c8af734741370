// `dream predict`: one prediction in a worker, without a server.
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "host/base/time.hpp"
#include "host/cli/commands.hpp"
#include "host/cli/output_writer.hpp"
#include "host/cli/single_run.hpp"

namespace dream::host {
namespace {

struct PredictFlags {
  SingleRun run;
  std::string folder = ".";
  bool json = false;
};

nlohmann::ordered_json render(const Snapshot& snapshot, const nlohmann::json& written) {
  const auto time = [](const std::optional<Clock::time_point>& at) {
    return at ? nlohmann::ordered_json(rfc3339(*at)) : nlohmann::ordered_json();
  };
  nlohmann::ordered_json output = written;
  if (!snapshot.output_is_list) output = written.empty() ? nlohmann::json() : written.front();
  return {{"id", snapshot.id},
          {"template", snapshot.template_name},
          {"status", to_string(snapshot.status)},
          {"input", snapshot.input},
          {"output", output},
          {"error", snapshot.error.empty() ? nullptr : nlohmann::ordered_json(snapshot.error)},
          {"logs", snapshot.logs},
          {"metrics", snapshot.metrics},
          {"created_at", time(snapshot.created_at)},
          {"started_at", time(snapshot.started_at)},
          {"completed_at", time(snapshot.completed_at)}};
}

int run_predict(const PredictFlags& flags) {
  SingleRun run = flags.run;
  std::optional<OutputWriter> writer;
  run.prepare = [&] { writer.emplace(flags.folder); };
  run.write = [&](const OutputItem& item) {
    const std::string line = writer->write(item);
    return flags.json ? "" : line;
  };
  const SingleRunEnd end = run_single(run);
  const auto written = writer ? writer->written() : nlohmann::json::array();
  if (end.loaded && flags.json)
    fmt::print("{}\n", render(end.snapshot, written)
                           .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  return exit_code(end);
}

}  // namespace

void add_predict_command(CLI::App& app, Command& chosen) {
  const auto flags = std::make_shared<PredictFlags>();
  CLI::App* predict = app.add_subcommand("predict", "Run one prediction, without a server");
  predict->footer(
      "Example:\n"
      "  dream predict vanilla -i prompt=\"a fox on a blue background\" -i seed=7 -o out\n"
      "  dream templates schema vanilla        shows what a template takes");
  predict->add_option("template", flags->run.template_name, "A template's name, or a .so file")
      ->required()
      ->type_name("TEMPLATE");
  flags->run.add_to(*predict);
  predict->add_option("-o,--output", flags->folder, "Where files go; same names are replaced")
      ->capture_default_str()
      ->type_name("DIR");
  predict->add_flag("--json", flags->json, "Print the prediction object instead of file names");
  flags->run.worker.add_to(*predict);
  flags->run.downloads.add_to(*predict);
  predict->callback([flags, &chosen] { chosen = [flags] { return run_predict(*flags); }; });
}

}  // namespace dream::host
