// `dream predict`: one prediction in a worker, without a server.
#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <optional>

#include "host/base/paths.hpp"
#include "host/base/time.hpp"
#include "host/cli/commands.hpp"
#include "host/cli/describe.hpp"
#include "host/cli/download_flags.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/output_writer.hpp"
#include "host/cli/predict_input.hpp"
#include "host/cli/progress_bar.hpp"
#include "host/cli/session.hpp"
#include "host/cli/template_search.hpp"
#include "host/cli/worker_flags.hpp"
#include "host/downloads/fetch_weights.hpp"
#include "host/predictions/service.hpp"
#include "host/predictions/work_folder.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;

struct PredictFlags {
  std::string template_name;
  std::vector<std::string> inputs;
  std::string input_json;
  std::string folder = ".";
  bool json = false;
  WorkerFlags worker;
  DownloadFlags downloads;
};

std::string weights_name(const std::string& weights) {
  return weights == "none" ? "without weights" : "with " + fs::path(weights).filename().string();
}

// Waits for the worker; false, with its log on stderr, if it does not get ready.
bool load(Session& session, WorkerPool& pool, const std::string& what, ProgressBar& bar) {
  bool settled = false;
  pool.on_settled([&] { settled = true; });
  pool.start();
  bar.status("loading " + what + " …");
  session.run_until([&] { return settled; });
  bar.clear();
  if (pool.health() == Health::ready) return true;
  fmt::print(stderr, "{}", pool.setup().logs);
  return false;
}

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

// What a prediction does to the terminal and the folder.
Prediction::Observer make_observer(ProgressBar& bar, OutputWriter& writer, bool json,
                                   std::string& write_error) {
  return
      [&bar, &writer, &write_error, json](const Snapshot& snapshot, const PredictionEvent& event) {
        using Kind = PredictionEvent::Kind;
        if (event.kind == Kind::progress) bar.progress(snapshot.progress);
        if (event.kind == Kind::log) bar.print(event.text);
        if (event.kind == Kind::completed) bar.clear();
        if (event.kind != Kind::output) return;
        try {
          const std::string line = writer.write(*event.output);
          bar.clear();
          if (!json) fmt::print("{}\n", line);
          std::fflush(stdout);
        } catch (const fs::filesystem_error& error) {
          write_error = error.what();
        }
      };
}

int report_end(const Snapshot& end, const nlohmann::json& written, const std::string& write_error,
               bool json) {
  if (json)
    fmt::print(
        "{}\n",
        render(end, written).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  if (end.status == Status::canceled) {
    fmt::print(stderr, "dream: canceled\n");
    return exit_interrupted;
  }
  if (end.status == Status::failed || !write_error.empty()) {
    fmt::print(stderr, "dream: {}\n", end.error.empty() ? write_error : end.error);
    return end.bad_input ? exit_usage : exit_failed;
  }
  return 0;
}

nlohmann::json describe_one(Session& session, const WorkerOptions& options,
                            const TemplateFile& file) {
  auto description = describe_templates(session, options, {file}).front();
  if (description.schema.is_null())
    throw std::runtime_error(fmt::format("template {}: {}", file.name, description.refusal));
  return std::move(description.schema);
}

int run_predict(const PredictFlags& flags) {
  const TemplateFile file = pick_template(find_templates(), flags.template_name);
  WorkerOptions options = flags.worker.options_or_url();
  DownloadCache cache(flags.downloads.options(AddressRule::any));
  std::optional<CacheReply> weights;
  if (is_weights_url(options.weights)) {
    const std::atomic<bool> canceled = false;  // Ctrl-C ends the program while nothing runs yet
    weights = fetch_weights(cache, options.weights, canceled);
    options.weights = weights->file.path().string();
  }
  options.templates = {{file.name, file.path}};
  options.max_respawns = 0;
  Session session;
  const nlohmann::json schema = describe_one(session, options, file);
  const PredictInput input = read_input(schema, flags.input_json, flags.inputs, options.models);
  OutputWriter writer(flags.folder);

  const WorkFolder folder(fs::temp_directory_path());
  options.scratch = folder.path();
  ProgressBar bar(stderr);
  WorkerPool pool(session.io(), options);
  PredictionService service(session.io(), pool, folder.path());
  if (!load(session, pool, file.name + " " + weights_name(options.weights), bar))
    return exit_failed;

  std::string write_error;
  PredictionRequest request;
  request.template_name = schema.at("name");
  request.input = input.given;
  request.resolved_input = input.resolved;
  request.observers.push_back(make_observer(bar, writer, flags.json, write_error));
  const auto prediction = service.accept(request).prediction;
  if (prediction == nullptr) throw std::runtime_error("the worker did not take the prediction");
  make_private_folder(prediction->folder());
  auto fetched = fetch_urls(schema, input.resolved, prediction->folder(), cache);
  service.release(prediction, std::move(fetched.resolved));
  for (const std::string& line : fetched.logs) prediction->log(line);
  session.run_until([&] { return is_terminal(prediction->snapshot().status); },
                    [&] {
                      bar.print("canceling … (Ctrl-C again to end at once)\n");
                      service.cancel(prediction->snapshot().id);
                    });
  return report_end(prediction->snapshot(), writer.written(), write_error, flags.json);
}

}  // namespace

void add_predict_command(CLI::App& app, Command& chosen) {
  const auto flags = std::make_shared<PredictFlags>();
  CLI::App* predict = app.add_subcommand("predict", "Run one prediction, without a server");
  predict->footer(
      "Example:\n"
      "  dream predict vanilla -i prompt=\"a fox on a blue background\" -i seed=7 -o out\n"
      "  dream templates schema vanilla        shows what a template takes");
  predict->add_option("template", flags->template_name, "A template's name, or a .so file")
      ->required()
      ->type_name("TEMPLATE");
  predict
      ->add_option("-i,--input", flags->inputs,
                   "An input; @FILE for files; JSON or repeated -i for lists; null")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  predict->add_option("--input-json", flags->input_json, "A JSON object with inputs, - for stdin")
      ->type_name("FILE");
  predict->add_option("-o,--output", flags->folder, "Where files go; same names are replaced")
      ->capture_default_str()
      ->type_name("DIR");
  predict->add_flag("--json", flags->json, "Print the prediction object instead of file names");
  flags->worker.add_to(*predict);
  flags->downloads.add_to(*predict);
  predict->callback([flags, &chosen] { chosen = [flags] { return run_predict(*flags); }; });
}

}  // namespace dream::host
