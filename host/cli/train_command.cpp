// `dream train`: one training in a worker, without a server.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "host/cli/commands.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/single_run.hpp"
#include "weights/store/zip_listing.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;

constexpr const char* model_trainer = "dreambooth";
constexpr const char* lora_trainer = "dreambooth-lora";
constexpr const char* loss_curve = "loss.png";  // in the archive

struct TrainFlags {
  SingleRun run;
  bool lora = false;
  std::string output = "output.zip";
};

// "robots.zip" has its curve in "robots.loss.png".
fs::path curve_path(const fs::path& output) {
  return fs::path(output).replace_extension().concat(".loss.png");
}

// Whole or not at all: a training is too long to leave half of its result.
void keep(const fs::path& from, const fs::path& to) {
  const fs::path half = to.native() + ".part";
  fs::copy_file(from, half, fs::copy_options::overwrite_existing);
  fs::rename(half, to);
}

// False where there is none: the trainer is of another kind.
bool keep_curve(const fs::path& archive, const fs::path& to) {
  std::string picture;
  try {
    weights::list_zip(archive, [&](const weights::ZipMember& member) {
      if (member.name == loss_curve) picture = member.read();
    });
  } catch (const std::exception&) {
    return false;
  }
  if (picture.empty()) return false;
  std::ofstream file(to, std::ios::binary);
  file << picture;
  if (!file.flush())
    throw fs::filesystem_error("cannot write", to, std::make_error_code(std::errc::io_error));
  return true;
}

void check_output(const fs::path& output) {
  std::error_code error;
  if (output.filename().empty() || fs::is_directory(output, error))
    throw UsageError(
        fmt::format("--output: '{}' is a folder; the name of a file is expected, as in "
                    "output.zip",
                    output.string()));
  const fs::path folder = fs::absolute(output).parent_path();
  fs::create_directories(folder, error);
  if (!fs::is_directory(folder))
    throw UsageError(fmt::format("--output: there is no folder '{}'", folder.string()));
}

int run_train(const TrainFlags& flags) {
  SingleRun run = flags.run;
  if (run.template_name.empty()) run.template_name = flags.lora ? lora_trainer : model_trainer;
  const fs::path output = flags.output;
  run.prepare = [&] { check_output(output); };
  run.train = true;
  run.when_canceled = " what has been learned is kept";
  run.write = [&](const OutputItem& item) -> std::string {
    if (item.path.empty()) return item.value.dump();
    keep(item.path, output);
    const fs::path curve = curve_path(output);
    if (!keep_curve(output, curve)) return output.string();
    return output.string() + '\n' + curve.string();
  };
  const SingleRunEnd end = run_single(run);
  const int code = exit_code(end);
  if (end.loaded && end.snapshot.status == Status::canceled)
    fmt::print(stderr,
               "dream: the same command goes on from where it stopped, unless with "
               "-i resume_from_checkpoint=none\n");
  return code;
}

}  // namespace

void add_train_command(CLI::App& app, Command& chosen) {
  const auto flags = std::make_shared<TrainFlags>();
  CLI::App* train = app.add_subcommand(
      "train", "Teach a model what pictures show (DreamBooth), without a server");
  train->footer(
      "Example:\n"
      "  dream train -i instance_prompt=\"a photo of sks dog\" -i class_prompt=\"a photo of a "
      "dog\" "
      "\\\n"
      "    -i instance_data=@dog.zip -i max_train_steps=400 -o dog.zip\n"
      "  dream predict vanilla --weights dog.zip -i prompt=\"a photo of sks dog in a bucket\"\n"
      "  dream templates schema dreambooth     shows what can be set");
  train
      ->add_option("trainer", flags->run.template_name,
                   "A trainer's name, or a .so file (default: dreambooth)")
      ->type_name("TEMPLATE");
  train->add_flag("--lora", flags->lora, "Train a LoRA, a small file laid over the model")
      ->excludes("trainer");
  flags->run.add_to(*train);
  train
      ->add_option("-o,--output", flags->output,
                   "Where the result goes; the loss curve lies beside it as NAME.loss.png")
      ->capture_default_str()
      ->type_name("FILE");
  flags->run.worker.add_to(*train);
  flags->run.downloads.add_to(*train);
  train->callback([flags, &chosen] { chosen = [flags] { return run_train(*flags); }; });
}

}  // namespace dream::host
