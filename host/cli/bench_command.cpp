// `dream bench`: how fast this build draws on this machine, as JSON. The work is done in a worker.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "host/base/ids.hpp"
#include "host/base/paths.hpp"
#include "host/cli/commands.hpp"
#include "host/cli/describe.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/session.hpp"
#include "host/cli/weights_choice.hpp"
#include "host/cli/worker_flags.hpp"
#include "weights/models/architectures.hpp"
#include "weights/store/init_model.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr char bundled_name[] = "emoji-sd";

struct BenchFlags {
  std::string target;
  std::string arch;
  int size = 0, steps = 20, batch = 1;
  bool controlnet = false;
  WorkerFlags worker;
};

void check(const BenchFlags& flags) {
  if (flags.controlnet)
    throw UsageError("--controlnet: this version draws without ControlNets; leave it out");
  if (flags.size % 8 != 0)
    throw UsageError(fmt::format("--size is {}: allowed are multiples of 8", flags.size));
  if (!flags.arch.empty() && !flags.worker.weights.empty())
    throw UsageError("--arch and --weights both say what to draw with: give one of them");
}

// Waits until the worker is there. Throws std::runtime_error with its reason if it never is.
void start(Session& session, WorkerPool& pool) {
  bool settled = false;
  pool.on_settled([&] { settled = true; });
  pool.start();
  session.run_until([&] { return settled; });
  if (pool.health() != Health::ready) throw std::runtime_error(failure_of(pool.setup()));
}

// The worker's report, or {"error": TEXT}.
nlohmann::json ask(Session& session, WorkerPool& pool, const BenchFlags& flags) {
  nlohmann::json report;
  pool.request({{"type", "bench"},
                {"target", flags.target},
                {"size", flags.size},
                {"steps", flags.steps},
                {"batch", flags.batch}},
               [&](nlohmann::json answer) { report = std::move(answer); });
  session.run_until([&] { return !report.is_null(); });
  report.erase("type");
  return report;
}

nlohmann::ordered_json render(const BenchFlags& flags, const std::string& weights,
                              const nlohmann::json& report) {
  const auto arch = flags.arch.empty() ? nlohmann::json() : nlohmann::json(flags.arch);
  nlohmann::ordered_json told = {{"target", flags.target},
                                 {"arch", arch},
                                 {"weights", weights},
                                 {"steps", flags.steps},
                                 {"batch", flags.batch}};
  for (const auto& [key, value] : report.items()) told[key] = value;
  return told;
}

// Random weights of an architecture, gone when the command ends however it ends.
class RandomWeights {
 public:
  explicit RandomWeights(const std::string& arch)
      : path_(fs::temp_directory_path() / ("dream-bench-" + new_id())) {
    weights::InitOptions options;
    options.architecture = arch;
    options.tokenizer = clip_vocabulary();
    try {
      weights::init_model(options, path_.string());
    } catch (...) {
      remove();
      throw;
    }
  }
  RandomWeights(const RandomWeights&) = delete;
  RandomWeights& operator=(const RandomWeights&) = delete;
  ~RandomWeights() { remove(); }
  std::string path() const { return path_.string(); }

 private:
  void remove() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  fs::path path_;
};

// What --arch may be: the bundled model, and those that can be made from nothing.
std::vector<std::string> architectures() {
  std::vector<std::string> names{bundled_name};
  for (const auto& name : weights::architecture_names()) {
    if (!weights::find_architecture(name).pipeline.empty()) names.push_back(name);
  }
  return names;
}

int run_bench(const BenchFlags& flags) {
  check(flags);
  WorkerFlags worker = flags.worker;
  std::optional<RandomWeights> random;
  if (flags.arch == bundled_name)
    worker.weights = bundled_weights().string();
  else if (!flags.arch.empty())
    worker.weights = random.emplace(flags.arch).path();
  const auto started = Clock::now();
  WorkerOptions options = worker.options();
  if (options.weights == "none") throw UsageError("--weights is none: there is nothing to time");
  options.setup = false;  // no template is involved
  options.max_respawns = 0;
  Session session;
  WorkerPool pool(session.io(), options);
  start(session, pool);
  const std::chrono::duration<double> start_up = Clock::now() - started;
  nlohmann::json report = ask(session, pool, flags);
  if (report.contains("error")) {
    fmt::print(stderr, "dream: {}\n", report["error"].get<std::string>());
    return report.value("bad_input", false) ? exit_usage : exit_failed;
  }
  report["cold_start_s"] = report["cold_start_s"].get<double>() + start_up.count();
  fmt::print("{}\n", render(flags, options.weights, report).dump(2));
  return 0;
}

}  // namespace

void add_bench_command(CLI::App& app, Command& chosen) {
  const auto flags = std::make_shared<BenchFlags>();
  CLI::App* bench = app.add_subcommand("bench", "Time the engine on this machine, as JSON");
  bench->footer(
      "Example:\n"
      "  dream bench unet --arch sd15 --size 512 --steps 20\n"
      "  dream bench generate --weights MODEL --size 512 --steps 20 --threads 8");
  bench
      ->add_option("target", flags->target,
                   "unet: the denoise steps alone; generate: whole pictures")
      ->required()
      ->check(CLI::IsMember({"unet", "generate"}))
      ->type_name("TARGET");
  bench
      ->add_option("--arch", flags->arch,
                   fmt::format("Draw with the bundled emoji-sd, or with random weights: {}",
                               fmt::join(architectures(), ", ")))
      ->check(CLI::IsMember(architectures()))
      ->type_name("ARCH");
  bench->add_option("--size", flags->size, "Pixels per side (0: the model's own size)")
      ->check(CLI::Range(0, 1024))
      ->type_name("N");
  bench->add_option("--steps", flags->steps, "Denoise steps")
      ->check(CLI::Range(1, 500))
      ->capture_default_str()
      ->type_name("N");
  bench->add_option("--batch", flags->batch, "Pictures")
      ->check(CLI::Range(1, 10))
      ->capture_default_str()
      ->type_name("N");
  bench->add_flag("--controlnet", flags->controlnet, "With a ControlNet: not in this version");
  flags->worker.add_to(*bench);
  bench->callback([flags, &chosen] { chosen = [flags] { return run_bench(*flags); }; });
}

}  // namespace dream::host
