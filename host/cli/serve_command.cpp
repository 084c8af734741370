// `dream serve`: command line of the HTTP server; the server itself is host/http.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>

#include "host/base/logging.hpp"
#include "host/cli/commands.hpp"
#include "host/cli/describe.hpp"
#include "host/cli/download_flags.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/job_flags.hpp"
#include "host/cli/operation_flags.hpp"
#include "host/cli/template_search.hpp"
#include "host/cli/serve_environment.hpp"
#include "host/cli/webhook_flags.hpp"
#include "host/cli/worker_flags.hpp"
#include "host/downloads/fetch_weights.hpp"
#include "host/http/serve.hpp"
#include "host/uploads/upload_url.hpp"

namespace dream::host {
namespace {

struct ServeFlags {
  std::vector<std::string> templates;
  bool all = false;
  std::string isolation = "shared";
  std::optional<int> concurrency;
  std::string compat = "current";
  std::string mode = "predict";
  bool allow_private_urls = false;
  bool public_urls_only = false;
  bool allow_request_weights = false;
  std::optional<std::uint64_t> memory_budget;
  WorkerFlags worker;
  JobFlags jobs;
  WebhookFlags webhooks;
  DownloadFlags downloads;
  OperationFlags operation;
  ServeOptions options;
};

// Those of `templates` that can be loaded. One that is broken must not keep the others from
// serving; a template that was asked for by name still fails the set-up.
std::vector<TemplateFile> loadable(const WorkerOptions& worker,
                                   const std::vector<TemplateFile>& templates) {
  Session session;
  std::vector<TemplateFile> sound;
  for (auto& description : describe_templates(session, worker, templates)) {
    if (!description.schema.is_null())
      sound.push_back(std::move(description.file));
    else
      log_at("error", "left out: " + description.file.name + ": " + description.refusal);
  }
  return sound;
}

// Of the machine, or of the container this runs in (cgroup v2).
std::uint64_t machine_memory_bytes() {
  const auto machine = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                       static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::uint64_t container = 0;
  std::ifstream limit("/sys/fs/cgroup/memory.max");
  return limit >> container ? std::min(machine, container) : machine;  // "max": no number
}

int run_serve(const ServeFlags& flags) {
  ::unsetenv("DREAM_UPLOAD_URL");  // whoever knows it may put files there: not for templates
  ServeOptions options = flags.options;
  options.worker = flags.worker.options_or_url();
  options.worker.slots = flags.concurrency ? *flags.concurrency : concurrency_from_environment();
  options.downloads = flags.downloads.options(
      flags.public_urls_only     ? AddressRule::public_only
      : flags.allow_private_urls ? AddressRule::any
                                 : default_address_rule(options.host));
  options.worker.request_weights = flags.allow_request_weights;
  options.worker.memory_budget = static_cast<std::int64_t>(
      flags.memory_budget.value_or(flags.allow_request_weights ? machine_memory_bytes() / 2 : 0));
  flags.jobs.apply(options);
  flags.webhooks.apply(options);
  flags.operation.apply(options);
  if (!options.state_dir.empty()) options.worker.trainings = options.state_dir / "trainings";
  options.worker.slot_isolation = flags.isolation == "slot";
  options.worker.setup_limit = setup_limit_from_environment();
  options.cog.legacy = flags.compat == "legacy";
  options.cog.train_mode = flags.mode == "train";
  options.cog.client_addresses = options.downloads.addresses;
  const auto installed = find_templates();
  std::vector<TemplateFile> chosen;
  for (const auto& name : flags.templates) chosen.push_back(pick_template(installed, name));
  if (flags.templates.empty() && !flags.all) chosen.push_back(pick_template(installed, "vanilla"));
  if (flags.all) {
    WorkerOptions looking = options.worker;
    if (is_weights_url(looking.weights)) looking.weights = "none";
    for (const auto& file : loadable(looking, installed)) {
      const bool known = std::any_of(chosen.begin(), chosen.end(),
                                     [&](const auto& other) { return other.name == file.name; });
      if (!known) chosen.push_back(file);
    }
  }
  if (chosen.empty()) throw UsageError("--all: no templates are installed");
  for (const auto& file : chosen) options.worker.templates.push_back({file.name, file.path});
  return serve(options);
}

std::string upload_url_check(const std::string& url) {
  const std::string problem = upload_url_problem(url);
  return problem.empty() ? "" : "'" + url + "' " + problem;
}

void add_cog_flags(CLI::App& serve, ServeFlags& flags) {
  serve
      .add_option("--upload-url", flags.options.cog.upload_url,
                  "Put files of outputs below this URL; clients get their URLs there. Else files\n"
                  "are data URLs in answers and webhooks")
      ->envname("DREAM_UPLOAD_URL")
      ->check(upload_url_check)
      ->type_name("URL");
  serve
      .add_option("--x-mode", flags.mode,
                  "train: /predictions runs the trainer too, as /trainings does")
      ->check(CLI::IsMember({"predict", "train"}))
      ->capture_default_str()
      ->type_name("MODE");
  serve
      .add_option("--compat", flags.compat,
                  "legacy: as Cog before 0.17 where it contradicts the present one")
      ->check(CLI::IsMember({"current", "legacy"}))
      ->capture_default_str()
      ->type_name("WHICH");
}

}  // namespace

void add_serve_command(CLI::App& app, Command& chosen) {
  const auto flags = std::make_shared<ServeFlags>();
  CLI::App* serve = app.add_subcommand("serve", "Serve templates over the Cog HTTP API");
  serve->footer("Example:\n  dream serve vanilla --port 5000 --weights ./my-model");
  serve->add_option("templates", flags->templates, "Templates, the first at the root paths")
      ->type_name("TEMPLATE");
  serve->add_flag("--all", flags->all, "Serve every template that is installed");
  serve->add_option("--host", flags->options.host, "Address to listen on")
      ->capture_default_str()
      ->type_name("ADDRESS");
  serve->add_option("--port", flags->options.port, "Port to listen on")
      ->envname("PORT")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str()
      ->type_name("N");
  serve
      ->add_option("--concurrency", flags->concurrency,
                   "Predictions at a time; else COG_MAX_CONCURRENCY, else 1")
      ->check(CLI::Range(1, 256))
      ->type_name("N");
  serve
      ->add_option("--isolation", flags->isolation,
                   "shared: one worker process; slot: one for each concurrent prediction")
      ->check(CLI::IsMember({"shared", "slot"}))
      ->capture_default_str()
      ->type_name("HOW");
  serve
      ->add_option("--await-explicit-shutdown", flags->options.await_explicit_shutdown,
                   "Ignore SIGTERM; end on SIGINT and POST /shutdown only")
      ->type_name("BOOL");
  serve->add_flag("--allow-private-urls", flags->allow_private_urls,
                  "Fetch inputs from private addresses although others reach this server");
  serve->add_flag("--public-urls-only", flags->public_urls_only,
                  "Fetch inputs from public addresses and DREAM_TRUSTED_ADDRESS (IP:PORT) alone,\n"
                  "although this machine alone reaches this server: it passes on what others ask")
      ->excludes("--allow-private-urls");
  serve
      ->add_option("--memory-budget", flags->memory_budget,
                   "What stays in memory between requests, e.g. 6GB or 512MiB; the least\n"
                   "recently used leaves. 0: no limit, the default; with --allow-request-weights\n"
                   "half of the machine's memory")
      ->transform(CLI::AsSizeValue(true))
      ->type_name("SIZE");
  serve->add_flag("--allow-request-weights", flags->allow_request_weights,
                  "Requests may name the model they want: the input `weights`");
  add_cog_flags(*serve, *flags);
  flags->worker.add_to(*serve);
  flags->jobs.add_to(*serve);
  flags->webhooks.add_to(*serve);
  flags->downloads.add_to(*serve);
  flags->operation.add_to(*serve);
  serve->callback([flags, &chosen] { chosen = [flags] { return run_serve(*flags); }; });
}

}  // namespace dream::host
