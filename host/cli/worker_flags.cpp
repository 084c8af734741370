#include "host/cli/worker_flags.hpp"

#include "host/base/paths.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/weights_choice.hpp"
#include "host/downloads/fetch_weights.hpp"

namespace dream::host {

void WorkerFlags::add_to(CLI::App& app) {
  app.add_option("--weights", weights,
                 "Weights: a folder, a file, a name in the store, a URL, or 'none'. Else\n"
                 "COG_WEIGHTS, ./weights, DREAM_DEFAULT_WEIGHTS, or the bundled emoji-sd")
      ->type_name("PATH");
  app.add_option("--models", models, "Model store (default ~/.cache/dream/models)")
      ->envname("DREAM_MODELS")
      ->type_name("DIR");
  app.add_option("--device", device, "Where to compute: auto, cpu, cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->type_name("D");
  app.add_option("--dtype", dtype, "Precision: auto, fp32, bf16, fp16")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "fp16"}))
      ->type_name("T");
  app.add_option("--threads", threads, "CPU threads of the engine (0: all cores)")
      ->check(CLI::Range(0, 1024))
      ->type_name("N");
}

WorkerOptions WorkerFlags::options() const {
  WorkerOptions options = options_or_url();
  if (is_weights_url(options.weights))
    throw UsageError("weights: '" + options.weights +
                     "' is a URL, which `dream serve` and `dream predict` take; here they are a "
                     "folder or a file on this machine, or 'none'");
  return options;
}

WorkerOptions WorkerFlags::options_or_url() const {
  WorkerOptions options;
  options.program = worker_program();
  options.models = models.empty() ? default_model_store() : std::filesystem::path(models);
  options.trainings = default_trainings();
  options.weights = choose_weights(weights, options.models);
  options.device = device;
  options.dtype = dtype;
  options.threads = threads;
  return options;
}

}  // namespace dream::host
