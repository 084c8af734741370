#include "host/cli/single_run.hpp"

#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "host/base/paths.hpp"
#include "host/cli/describe.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/predict_input.hpp"
#include "host/cli/progress_bar.hpp"
#include "host/cli/session.hpp"
#include "host/cli/template_search.hpp"
#include "host/downloads/fetch_weights.hpp"
#include "host/predictions/service.hpp"
#include "host/predictions/work_folder.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;

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

// What a run does to the terminal and its outputs.
Prediction::Observer make_observer(ProgressBar& bar, const SingleRun& run,
                                   std::string& write_error) {
  return [&bar, &run, &write_error](const Snapshot& snapshot, const PredictionEvent& event) {
    using Kind = PredictionEvent::Kind;
    if (event.kind == Kind::progress) bar.progress(snapshot.progress);
    if (event.kind == Kind::log) bar.print(event.text);
    if (event.kind == Kind::completed) bar.clear();
    if (event.kind != Kind::output) return;
    try {
      const std::string line = run.write(*event.output);
      bar.clear();
      if (!line.empty()) fmt::print("{}\n", line);
      std::fflush(stdout);
    } catch (const fs::filesystem_error& error) {
      write_error = error.what();
    }
  };
}

nlohmann::json describe_one(Session& session, const WorkerOptions& options,
                            const TemplateFile& file) {
  auto description = describe_templates(session, options, {file}).front();
  if (description.schema.is_null())
    throw std::runtime_error(fmt::format("template {}: {}", file.name, description.refusal));
  return std::move(description.schema);
}

}  // namespace

void SingleRun::add_to(CLI::App& app) {
  app.add_option("-i,--input", inputs,
                 "An input; @FILE for files; JSON or repeated -i for lists; null")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  app.add_option("--input-json", input_json, "A JSON object with inputs, - for stdin")
      ->type_name("FILE");
}

SingleRunEnd run_single(const SingleRun& run) {
  const TemplateFile file = pick_template(find_templates(), run.template_name);
  WorkerOptions options = run.worker.options_or_url();
  DownloadCache cache(run.downloads.options(AddressRule::any));
  std::optional<CacheReply> weights;
  if (is_weights_url(options.weights)) {
    const std::atomic<bool> canceled = false;  // Ctrl-C ends the program while nothing runs yet
    weights = fetch_weights(cache, options.weights, canceled);
    options.weights = weights->file.path().string();
  }
  options.templates = {{file.name, file.path}};
  options.max_respawns = 0;
  Session session;
  const nlohmann::json described = describe_one(session, options, file);
  const bool train = run.train && described.contains("train");
  const nlohmann::json& schema = train ? described.at("train") : described;
  const PredictInput input = read_input(schema, run.input_json, run.inputs, options.models);

  if (run.prepare) run.prepare();
  const WorkFolder folder(fs::temp_directory_path());
  options.scratch = folder.path();
  ProgressBar bar(stderr);
  WorkerPool pool(session.io(), options);
  PredictionService service(session.io(), pool, folder.path());
  if (!load(session, pool, file.name + " " + weights_name(options.weights), bar)) return {};

  SingleRunEnd end;
  PredictionRequest request;
  request.template_name = described.at("name");
  if (train) request.entry = "train";
  request.input = input.given;
  request.resolved_input = input.resolved;
  request.observers.push_back(make_observer(bar, run, end.write_error));
  const auto prediction = service.accept(request).prediction;
  if (prediction == nullptr) throw std::runtime_error("the worker did not take the prediction");
  make_private_folder(prediction->folder());
  auto fetched = fetch_urls(schema, input.resolved, prediction->folder(), cache);
  service.release(prediction, std::move(fetched.resolved));
  for (const std::string& line : fetched.logs) prediction->log(line);
  session.run_until(
      [&] { return is_terminal(prediction->snapshot().status); },
      [&] {
        bar.print(fmt::format("canceling …{} (Ctrl-C again to end at once)\n", run.when_canceled));
        service.cancel(prediction->snapshot().id);
      });
  end.loaded = true;
  end.snapshot = prediction->snapshot();
  return end;
}

int exit_code(const SingleRunEnd& end) {
  if (!end.loaded) return exit_failed;
  if (end.snapshot.status == Status::canceled) {
    fmt::print(stderr, "dream: canceled\n");
    return exit_interrupted;
  }
  if (end.snapshot.status == Status::failed || !end.write_error.empty()) {
    fmt::print(stderr, "dream: {}\n",
               end.snapshot.error.empty() ? end.write_error : end.snapshot.error);
    return end.snapshot.bad_input ? exit_usage : exit_failed;
  }
  return 0;
}

}  // namespace dream::host
