// dream.engine.training/1: what every trainer shares, from the run's inputs to output.zip: data,
// request, checkpoints, progress, the archive.
#include <dream/abi/engine_training.h>
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "host/worker/imaging/encode.hpp"
#include "host/worker/imaging/loss_curve.hpp"
#include "host/worker/sdk_host/host_state.hpp"
#include "host/worker/sdk_host/interfaces.hpp"
#include "host/worker/sdk_host/output_file.hpp"
#include "host/worker/sdk_host/run.hpp"
#include "host/worker/sdk_host/status.hpp"
#include "host/worker/sdk_host/training_data.hpp"
#include "host/worker/sdk_host/training_report.hpp"
#include "host/worker/sdk_host/training_request.hpp"
#include "host/worker/sdk_host/training_state.hpp"
#include "weights/store/zip_folder.hpp"

struct dream_trainer {
  dream::worker::HostState* host = nullptr;
};

namespace dream::worker {
namespace fs = std::filesystem;
namespace {

// After a cancel: the step that is under way, and gigabytes of checkpoint to write.
constexpr std::chrono::minutes time_to_stop{10};

dream_status* open(dream_setup* setup, dream_trainer** trainer) noexcept {
  return guarded([&] {
    checked(trainer, "trainer") = nullptr;
    HostState& host = checked(setup, "setup").host;
    host.engine.engine(host.engine_options);
    *trainer = new dream_trainer{&host};
  });
}

void close(dream_trainer* trainer) noexcept {
  delete trainer;
}

fs::path base_of(const RunState& run, const HostState& host) {
  if (const auto own = run.input_or<std::string>("ckpt_base", ""); !own.empty()) return own;
  if (host.weights == "none")
    throw std::runtime_error(
        "This is a template, not a real model - add weights, or name a model in ckpt_base");
  return host.weights;
}

std::vector<engine::TrainPicture> pictures_of(RunState& run, const std::string& input) {
  const auto archive = run.input_or<std::string>(input, "");
  if (archive.empty()) return {};
  const fs::path folder = fs::path(run.temp_folder()) / input;
  fs::create_directories(folder);
  TrainingData data = unpack_training_data(archive, input, folder);
  for (const std::string& note : data.notes) run.log("warning", note);
  run.log("info", fmt::format("{}: {} pictures", input, data.pictures.size()));
  return std::move(data.pictures);
}

// All of the request that is not the engine's to call back.
engine::TrainRequest prepare(RunState& run, const fs::path& base) {
  engine::TrainRequest request = training_request(run);
  request.base = base;
  request.instance_pictures = pictures_of(run, "instance_data");
  request.class_pictures = pictures_of(run, "class_data");
  if (!request.with_prior_preservation && !request.class_pictures.empty())
    run.log("warning", "class_data: without with_prior_preservation it is not used");
  if (request.max_train_steps == 0)
    request.max_train_steps = steps_of_epochs(request, run.input_or("num_train_epochs", 1));
  if (request.resolution == 0) request.resolution = native_size(base);
  request.output = fs::path(run.temp_folder()) / "output";
  fs::create_directories(request.output);
  return request;
}

class Training {
 public:
  Training(HostState& host, RunState& run)
      : host_(host),
        run_(run),
        request_(prepare(run, base_of(run, host))),
        arguments_(training_arguments(run, request_)),
        report_(run, request_.output / "samples") {
    keep_state();
    add_callbacks();
  }

  void go() {
    run_.allow_to_stop(time_to_stop);
    try {
      const auto result = host_.engine.engine(host_.engine_options).train(request_);
      report_.on_end(result);
      emit(result);
    } catch (const engine::Canceled&) {
      if (state_ && state_->has_checkpoint())
        run_.log("info", fmt::format("canceled after step {}: a checkpoint is kept, from which the "
                                     "same inputs go on",
                                     report_.step()));
      throw SdkError(DREAM_CANCELED, "canceled");
    }
    if (state_) state_->remove();
  }

 private:
  void keep_state() {
    if (host_.trainings.empty()) return;
    try {
      engine::Engine& engine = host_.engine.engine(host_.engine_options);
      const auto path = [&](const char* input) { return run_.input_or<std::string>(input, ""); };
      const auto digest =
          training_digest({arguments_, path("instance_data"), path("class_data"), request_.base,
                           fmt::format("dream {} torch {} {}", DREAM_VERSION,
                                       engine.torch_version(), engine.device())});
      state_.emplace(host_.trainings, digest);
      request_.checkpoints = state_->checkpoints();
      add_kept_class_pictures();
    } catch (const std::exception& error) {
      run_.log("warning", fmt::format("no checkpoints are kept: {}", error.what()));
    }
  }

  fs::path class_picture(int index) const {
    const fs::path folder =
        state_ ? state_->class_pictures() : fs::path(run_.temp_folder()) / "class";
    return folder / fmt::format("{:05}.png", index);
  }

  // Those that an earlier attempt has drawn stand behind those that are given.
  void add_kept_class_pictures() {
    if (!request_.with_prior_preservation) return;
    for (int i = static_cast<int>(request_.class_pictures.size()); fs::exists(class_picture(i));
         ++i)
      request_.class_pictures.push_back({class_picture(i), ""});
  }

  void add_callbacks() {
    request_.read_picture = read_training_picture;
    request_.keep_class_picture = [this](int index, const engine::Image& image) {
      const fs::path path = class_picture(index);
      fs::create_directories(path.parent_path());
      // Whole or not at all: a resumed training takes it as it is.
      const fs::path half = path.native() + ".part";
      write_file(half, imaging::encode(image, "png", 100));
      fs::rename(half, path);
      return path;
    };
    request_.on_progress = [this](const engine::TrainProgress& progress) {
      return report_.on_progress(progress);
    };
    request_.on_sample = [this](const engine::TrainSample& sample) { report_.on_sample(sample); };
    request_.on_log = [this](const std::string& line) { run_.log("info", line); };
  }

  void emit(const engine::TrainResult& result) {
    const std::string arguments =
        arguments_.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    write_file(request_.output / "args.json", {arguments.begin(), arguments.end()});
    write_file(request_.output / "loss.png",
               imaging::encode(imaging::loss_curve(result.losses), "png", 100));
    const fs::path archive = fs::path(run_.temp_folder()) / "output.zip";
    weights::zip_folder(request_.output, archive);
    run_.emit_file(archive, "output.zip");
  }

  HostState& host_;
  RunState& run_;
  engine::TrainRequest request_;
  nlohmann::ordered_json arguments_;
  TrainingReport report_;
  std::optional<TrainingState> state_;
};

dream_status* train(dream_trainer* trainer, dream_run* run) noexcept {
  return guarded([&] {
    if (!checked(run, "run").schema().training())
      throw invalid("the template declares no training inputs");
    Training(*checked(trainer, "trainer").host, *run).go();
  });
}

}  // namespace

const dream_engine_training_1& engine_training_interface() {
  static constexpr dream_engine_training_1 table = {sizeof(dream_engine_training_1), 0, open, close,
                                                    train};
  return table;
}

}  // namespace dream::worker
