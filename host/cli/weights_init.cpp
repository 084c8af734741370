// `dream weights init`: a model with random weights, for tests and benchmarks.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "host/base/paths.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/weights_commands.hpp"
#include "weights/models/architectures.hpp"
#include "weights/store/init_model.hpp"

namespace dream::host {
namespace fs = std::filesystem;
namespace {

struct InitFlags {
  std::string architecture = "sd15";
  std::uint64_t seed = 0;
  std::string dtype = "fp32";
  std::string out;
};

int init_weights(const InitFlags& flags) {
  std::error_code error;
  if (fs::exists(flags.out, error) && !fs::is_empty(flags.out, error))
    throw UsageError(fmt::format("'{}' is there already: name a new or an empty folder",
                                 flags.out));
  weights::InitOptions options;
  options.architecture = flags.architecture;
  options.seed = flags.seed;
  options.dtype = storage_dtype(flags.dtype);
  options.tokenizer = clip_vocabulary();
  weights::init_model(options, flags.out);
  fmt::print("{}\n", flags.out);
  return 0;
}

}  // namespace

weights::DType storage_dtype(const std::string& name) {
  if (name == "fp16") return weights::DType::f16;
  if (name == "bf16") return weights::DType::bf16;
  return weights::DType::f32;
}

void add_weights_init(CLI::App& weights, Command& chosen) {
  const auto flags = std::make_shared<InitFlags>();
  CLI::App* init = weights.add_subcommand(
      "init", "A model folder with random weights that follow from the seed, for benchmarks");
  init->footer("Example:\n  dream weights init --arch sd15 --seed 0 model");
  init->add_option("--arch", flags->architecture,
                   fmt::format("{}", fmt::join(weights::architecture_names(), ", ")))
      ->required()
      ->check(CLI::IsMember(weights::architecture_names()))
      ->type_name("NAME");
  init->add_option("--seed", flags->seed, "Another seed, other weights")->type_name("N");
  init->add_option("--dtype", flags->dtype, "fp32, fp16 or bf16")
      ->check(CLI::IsMember({"fp32", "fp16", "bf16"}))
      ->type_name("DTYPE");
  init->add_option("out", flags->out, "The new folder")->required()->type_name("OUT");
  init->callback([flags, &chosen] { chosen = [flags] { return init_weights(*flags); }; });
}

}  // namespace dream::host
