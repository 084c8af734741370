// Runs the trainer, or one forward and backward pass of it, for the parity tests. One JSON request
// on standard input, one JSON reply; tensors go by safetensors files, pictures as binary PPM.
//   {"op": "gradients", "request": {...}, "output": FILE, "randomise": SEED?} writes the loss, the
//     gradient of each parameter and, with "randomise", a LoRA's values, drawn so that none is zero
//   {"op": "train", "request": {...}, "pictures": FOLDER, "stop_after": N?, "kill_after": N?}
//   {"op": "pixels", "picture": FILE, "size": N, "center_crop": B, "seed": N, "output": FILE}
//   {"op": "snr_weights", "snr": [...], "gamma": G, "v_prediction": B}
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "sdk/engine/tensor/recompute.hpp"
#include "sdk/engine/tensor/tensor_file.hpp"
#include "sdk/engine/training.hpp"
#include "sdk/engine/training/dataset.hpp"
#include "sdk/engine/training/trained_model.hpp"
#include "sdk/engine/training/training_step.hpp"

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using namespace dream::engine;

Image read_ppm(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string magic;
  int most = 0;
  Image image;
  file >> magic >> image.width >> image.height >> most;
  file.get();
  if (magic != "P6" || most != 255) throw std::runtime_error(path.string() + ": is no PPM");
  image.pixels.resize(static_cast<std::size_t>(image.width) * image.height * 3);
  file.read(reinterpret_cast<char*>(image.pixels.data()),
            static_cast<std::streamsize>(image.pixels.size()));
  if (!file) throw std::runtime_error(path.string() + ": ends too early");
  return image;
}

void write_ppm(const fs::path& path, const Image& image) {
  std::ofstream file(path, std::ios::binary);
  file << "P6\n" << image.width << ' ' << image.height << "\n255\n";
  file.write(reinterpret_cast<const char*>(image.pixels.data()),
             static_cast<std::streamsize>(image.pixels.size()));
}

std::vector<TrainPicture> pictures(const json& given) {
  std::vector<TrainPicture> list;
  for (const auto& picture : given)
    list.push_back({picture.at("file").get<std::string>(), picture.value("caption", "")});
  return list;
}

template <class T>
void take(const json& given, const char* name, T& value) {
  if (given.contains(name)) value = given.at(name).get<T>();
}

TrainRequest request_of(const json& given) {
  TrainRequest request;
  request.base = given.at("base").get<std::string>();
  request.instance_pictures = pictures(given.at("instance_pictures"));
  request.class_pictures = pictures(given.value("class_pictures", json::array()));
  take(given, "instance_prompt", request.instance_prompt);
  take(given, "class_prompt", request.class_prompt);
  take(given, "with_prior_preservation", request.with_prior_preservation);
  take(given, "prior_loss_weight", request.prior_loss_weight);
  take(given, "num_class_images", request.num_class_images);
  take(given, "sample_batch_size", request.sample_batch_size);
  take(given, "resolution", request.resolution);
  take(given, "center_crop", request.center_crop);
  take(given, "hflip", request.hflip);
  take(given, "pad_tokens", request.pad_tokens);
  take(given, "train_text_encoder", request.train_text_encoder);
  take(given, "train_batch_size", request.train_batch_size);
  take(given, "max_train_steps", request.max_train_steps);
  take(given, "gradient_accumulation_steps", request.gradient_accumulation_steps);
  take(given, "gradient_checkpointing", request.gradient_checkpointing);
  take(given, "mixed_precision", request.mixed_precision);
  take(given, "learning_rate", request.learning_rate);
  take(given, "scale_lr", request.scale_lr);
  take(given, "lr_scheduler", request.lr_scheduler);
  take(given, "lr_warmup_steps", request.lr_warmup_steps);
  take(given, "use_8bit_adam", request.use_8bit_adam);
  take(given, "adam_epsilon", request.adam_epsilon);
  take(given, "max_grad_norm", request.max_grad_norm);
  if (given.contains("snr_gamma")) request.snr_gamma = given.at("snr_gamma").get<double>();
  take(given, "offset_noise", request.offset_noise);
  take(given, "use_ema", request.use_ema);
  take(given, "ema_decay", request.ema_decay);
  take(given, "seed", request.seed);
  take(given, "save_sample_prompt", request.save_sample_prompt);
  take(given, "n_save_sample", request.n_save_sample);
  take(given, "save_infer_steps", request.save_infer_steps);
  take(given, "sample_steps", request.sample_steps);
  take(given, "weights_format", request.weights_format);
  take(given, "checkpointing_steps", request.checkpointing_steps);
  take(given, "checkpoints_total_limit", request.checkpoints_total_limit);
  take(given, "resume", request.resume);
  request.output = given.value("output", "");
  request.checkpoints = given.value("checkpoints", "");
  if (const auto lora = given.find("lora"); lora != given.end()) {
    auto& settings = request.lora.emplace();
    take(*lora, "rank", settings.rank);
    take(*lora, "alpha", settings.alpha);
    take(*lora, "dropout", settings.dropout);
    take(*lora, "dora", settings.dora);
    take(*lora, "unet_targets", settings.unet_targets);
    take(*lora, "text_encoder_targets", settings.text_encoder_targets);
  }
  request.read_picture = read_ppm;
  request.on_log = [](const std::string& line) { std::cerr << line << '\n'; };
  request.on_progress = [](const TrainProgress&) { return true; };
  return request;
}

at::Generator generator_of(std::uint64_t seed) {
  return at::make_generator<at::CPUGeneratorImpl>(seed);
}

json gradients(const json& given) {
  const auto request = request_of(given.at("request"));
  auto data_generator = generator_of(request.seed + 2), steps = generator_of(request.seed);
  const Compute compute{};
  const TrainedModel model(request, {}, compute, generator_of(request.seed + 1), steps);
  std::map<std::string, at::Tensor> out;
  if (given.contains("randomise")) {
    const at::NoGradGuard unrecorded;
    auto values = generator_of(given.at("randomise"));
    for (const auto& [name, value] : model.parameters()) {
      value.add_(at::randn(value.sizes(), values, at::kFloat) * 0.05);
      out.emplace("value." + name, value.detach());
    }
  }
  const Dataset data(request, model.parts(), request.resolution, data_generator);
  TrainingStep step(request, model.parts(), data);
  std::vector<std::int64_t> places;
  for (int i = 0; i < request.train_batch_size; ++i) places.push_back(i);
  const auto batch = data.batch(places, steps);
  const auto draws = step.draw(batch, steps);
  const Recomputing recomputing(request.gradient_checkpointing, steps);
  const auto loss = step.loss(batch, draws);
  loss.backward();
  for (const auto& [name, value] : model.parameters())
    if (value.grad().defined()) out.emplace("grad." + name, value.grad());
  write_safetensors(given.at("output").get<std::string>(), out, {});
  return {{"loss", loss.item<double>()}};
}

json train(const json& given) {
  auto request = request_of(given.at("request"));
  const fs::path folder = given.at("pictures").get<std::string>();
  request.keep_class_picture = [&](int index, const Image& image) {
    const auto path = folder / ("class-" + std::to_string(index) + ".ppm");
    write_ppm(path, image);
    return path;
  };
  request.on_sample = [&](const TrainSample& sample) {
    write_ppm(folder / ("sample-" + std::to_string(sample.step) + "-" +
                        std::to_string(sample.index) + ".ppm"),
              sample.image);
  };
  json phases = json::array(), step_seconds = json::array();
  auto last = std::chrono::steady_clock::now();
  request.on_progress = [&](const TrainProgress& progress) {
    const auto phase = static_cast<int>(progress.phase);
    if (phases.empty() || phases.back() != phase) phases.push_back(phase);
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> took = now - std::exchange(last, now);
    if (progress.phase != TrainPhase::training) return true;
    step_seconds.push_back(took.count());
    if (given.value("kill_after", -1) == progress.step) ::raise(SIGKILL);
    return given.value("stop_after", -1) != progress.step;
  };
  const std::unique_ptr<Engine> engine(dream_engine_create({.device = "cpu", .threads = 2}));
  try {
    const auto result = engine->train(request);
    return {{"steps", result.steps},
            {"resumed_from", result.resumed_from},
            {"losses", result.losses},
            {"learning_rates", result.learning_rates},
            {"step_seconds", step_seconds},
            {"phases", phases}};
  } catch (const Canceled&) {
    return {{"canceled", true}};
  }
}

json pixels(const json& given) {
  auto generator = generator_of(given.at("seed"));
  const auto result =
      training_pixels(read_ppm(given.at("picture").get<std::string>()), given.at("size"),
                      given.at("center_crop"), generator);
  write_safetensors(given.at("output").get<std::string>(), {{"pixels", result.contiguous()}}, {});
  return json::object();
}

json snr_weights(const json& given) {
  const auto weights =
      min_snr_weights(at::tensor(given.at("snr").get<std::vector<float>>()), given.at("gamma"),
                      given.at("v_prediction"));
  const auto* const first = weights.const_data_ptr<float>();
  return std::vector<float>(first, first + weights.numel());
}

json run(const json& given) {
  const auto op = given.at("op").get<std::string>();
  if (op == "gradients") return gradients(given);
  if (op == "train") return train(given);
  if (op == "pixels") return pixels(given);
  if (op == "snr_weights") return snr_weights(given);
  throw std::runtime_error("unknown op " + op);
}

}  // namespace

int main() {
  try {
    std::cout << run(json::parse(std::cin)).dump() << std::endl;
  } catch (const std::exception& error) {
    std::cout << json{{"error", error.what()}}.dump() << std::endl;
  }
}
