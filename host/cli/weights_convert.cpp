// `dream weights convert`: the same weights in other files, at another precision, arranged
// otherwise.
#include <fmt/format.h>

#include <map>
#include <memory>

#include "host/base/paths.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/weights_commands.hpp"
#include "weights/store/convert.hpp"

namespace dream::host {
namespace {

const std::map<std::string, weights::Target> targets = {
    {"safetensors", weights::Target::safetensors},
    {"bin", weights::Target::bin},
    {"diffusers", weights::Target::diffusers},
    {"single-file", weights::Target::single_file},
};

struct ConvertFlags {
  std::string in, out, format, dtype = "keep", prediction_type;
  std::uint64_t shard_bytes = weights::ConvertOptions{}.shard_bytes;
  bool ema = false;
};

int convert_weights(const ConvertFlags& flags) {
  std::error_code error;
  if (!std::filesystem::exists(flags.in, error))
    throw UsageError(fmt::format("there is no '{}': give a weight file or a model", flags.in));
  weights::ConvertOptions options;
  options.target = targets.at(flags.format);
  if (flags.dtype != "keep") options.dtype = storage_dtype(flags.dtype);
  options.shard_bytes = flags.shard_bytes;
  options.single_file.vocabulary = clip_vocabulary();
  options.single_file.ema = flags.ema;
  if (!flags.prediction_type.empty()) options.single_file.prediction_type = flags.prediction_type;
  const weights::Converted done = weights::convert(flags.in, flags.out, options);
  for (const std::string& note : done.notes) fmt::print(stderr, "note: {}\n", note);
  for (const auto& file : done.files) fmt::print("{}\n", file.string());
  return 0;
}

}  // namespace

void add_weights_convert(CLI::App& weights, Command& chosen) {
  const auto flags = std::make_shared<ConvertFlags>();
  CLI::App* convert = weights.add_subcommand(
      "convert", "Weights in other files: safetensors, .bin, a diffusers folder, one checkpoint");
  convert->footer(
      "safetensors and bin keep the arrangement: a file becomes a file, a model folder a model\n"
      "folder. diffusers and single-file change it. OUT ending with .zip makes an output.zip.\n"
      "Examples:\n"
      "  dream weights convert v1-5-pruned.ckpt sd15 --format diffusers\n"
      "  dream weights convert sd15 sd15.safetensors --format single-file --dtype fp16\n"
      "  dream weights convert sd15 output.zip --format bin");
  convert->add_option("in", flags->in, "A weight file, a diffusers folder, an output.zip")
      ->required()
      ->type_name("IN");
  convert->add_option("out", flags->out, "What is made; must not exist")
      ->required()
      ->type_name("OUT");
  convert->add_option("--format", flags->format, "safetensors, bin, diffusers or single-file")
      ->required()
      ->check(CLI::IsMember({"safetensors", "bin", "diffusers", "single-file"}))
      ->type_name("FORMAT");
  convert->add_option("--dtype", flags->dtype, "fp32, fp16, bf16, or keep what is there")
      ->check(CLI::IsMember({"keep", "fp32", "fp16", "bf16"}))
      ->type_name("DTYPE");
  convert->add_flag("--ema", flags->ema, "From a checkpoint: the averaged UNet, if it holds one");
  convert->add_option("--prediction-type", flags->prediction_type,
                      "From a checkpoint: what its UNet predicts, when the file does not say")
      ->check(CLI::IsMember({"epsilon", "v_prediction"}))
      ->type_name("TYPE");
  convert->add_option("--shard-size", flags->shard_bytes,
                      "Split safetensors files of a model folder that are larger, e.g. 5GB")
      ->transform(CLI::AsSizeValue(true))
      ->check(CLI::PositiveNumber)
      ->type_name("SIZE");
  convert->callback([flags, &chosen] { chosen = [flags] { return convert_weights(*flags); }; });
}

}  // namespace dream::host
