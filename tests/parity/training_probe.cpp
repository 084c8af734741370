// Runs the trainer's parts by themselves, for tests that run PyTorch's and diffusers' beside them.
// One JSON request per line in, one JSON reply per line out; tensors go by safetensors files.
//   {"op": "lr_factors", "schedules": [{...}]}, {"op": "levels"}
//   {"op": "adamw", "tensors": FILE, "output": FILE, "options": {...}, "steps": N,
//    "learning_rate": R, "max_norm": M?}  with "value.NAME" and, of step S, "grad.S.NAME" in FILE
//   {"op": "ema", "tensors": FILE, "output": FILE, "steps": N, "decay": D}  with "value.NAME" and
//    what follows it, "value.S.NAME"
//   {"op": "save_model", "base": PATH, "trained": FILE, "output": FOLDER, "weights_format": F}
//   {"op": "save_lora", "lora": FILE, "alpha": A, "alphas": {LAYER: A}, "output": FILE,
//    "kohya": FILE}  with "unet/LAYER/down" and the like
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "sdk/engine/tensor/tensor_file.hpp"
#include "sdk/engine/tensor/weights.hpp"
#include "sdk/engine/training/block_quantizer.hpp"
#include "sdk/engine/training/ema.hpp"
#include "sdk/engine/training/lr_schedule.hpp"
#include "sdk/engine/training/optimizer.hpp"
#include "sdk/engine/training/save_lora.hpp"
#include "sdk/engine/training/save_model.hpp"
#include "weights/formats/weight_file.hpp"

namespace {

using nlohmann::json;
using namespace dream::engine;

NamedTensors read_file(const json& path) {
  NamedTensors tensors;
  for (const auto& [name, view] :
       dream::weights::read_weight_file(path.get<std::string>()).tensors)
    tensors.emplace(name, read_tensor(view));
  return tensors;
}

void write_file(const json& path, const NamedTensors& tensors) {
  write_safetensors(path.get<std::string>(), tensors, {});
}

// Of names "<prefix>NAME" where NAME has no dot.
Parameters parameters_of(const NamedTensors& tensors, std::string_view prefix) {
  Parameters parameters;
  for (const auto& [name, tensor] : tensors) {
    if (!name.starts_with(prefix) || name.find('.', prefix.size()) != std::string::npos) continue;
    // Convolutions as the engine holds them.
    const auto value = tensor.dim() == 4
                           ? tensor.contiguous(at::MemoryFormat::ChannelsLast)
                           : tensor;
    parameters.push_back({name.substr(prefix.size()), value.clone().requires_grad_()});
  }
  return parameters;
}

json lr_factors(const json& request) {
  json reply = json::array();
  for (const auto& given : request.at("schedules")) {
    const LrSchedule schedule{.name = given.at("name"),
                              .learning_rate = given.at("learning_rate"),
                              .warmup_steps = given.at("warmup_steps"),
                              .max_train_steps = given.at("max_train_steps"),
                              .num_cycles = given.value("num_cycles", 1),
                              .power = given.value("power", 1.0)};
    json factors = json::array();
    try {
      for (const int step : given.at("steps")) factors.push_back(lr_factor(schedule, step));
    } catch (const std::exception& error) {
      factors = error.what();
    }
    reply.push_back(factors);
  }
  return {{"factors", reply}};
}

AdamWOptions options_of(const json& given) {
  return {.beta1 = given.value("beta1", 0.9),
          .beta2 = given.value("beta2", 0.999),
          .weight_decay = given.value("weight_decay", 0.01),
          .epsilon = given.value("epsilon", 1e-8),
          .use_8bit = given.value("use_8bit", false)};
}

json adamw(const json& request) {
  const auto tensors = read_file(request.at("tensors"));
  auto parameters = parameters_of(tensors, "value.");
  AdamW optimizer(parameters, options_of(request.at("options")));
  json norms = json::array();
  for (int step = 0; step < request.at("steps").get<int>(); ++step) {
    optimizer.zero_grad();
    for (auto& [name, value] : parameters) {
      const auto found = tensors.find("grad." + std::to_string(step) + "." + name);
      if (found != tensors.end()) value.mutable_grad() = found->second.clone();
    }
    if (request.contains("max_norm"))
      norms.push_back(clip_grad_norm(parameters, request.at("max_norm")));
    optimizer.step(request.at("learning_rate").get<double>() / (1 + step));
  }
  auto out = optimizer.state();
  for (const auto& [name, value] : parameters) out.emplace("value." + name, value);
  write_file(request.at("output"), out);
  return {{"norms", norms}, {"bytes", optimizer.bytes()}};
}

json ema(const json& request) {
  const auto tensors = read_file(request.at("tensors"));
  const auto parameters = parameters_of(tensors, "value.");
  Ema average(parameters, request.at("decay"));
  json decays = json::array();
  for (int step = 0; step < request.at("steps").get<int>(); ++step) {
    {
      const at::NoGradGuard no_grad;
      for (const auto& [name, value] : parameters)
        value.copy_(tensors.at("value." + std::to_string(step) + "." + name));
    }
    average.step();
    decays.push_back(average.current_decay());
  }
  NamedTensors out;
  for (const auto& [name, value] : average.averages()) out.emplace(name, value);
  write_file(request.at("output"), out);
  return {{"decays", decays}};
}

json save_model_tree(const json& request) {
  TrainedTensors trained;
  for (const auto& [name, tensor] : read_file(request.at("trained"))) {
    const auto dot = name.find('.');
    trained[name.substr(0, dot)].emplace(name.substr(dot + 1), tensor);
  }
  dream::weights::SingleFileOptions options;
  options.vocabulary = request.value("vocabulary", "");
  const auto base =
      dream::weights::ModelFolder::open(request.at("base").get<std::string>(), options);
  return {{"notes", save_model(base, trained, request.at("output").get<std::string>(),
                               request.at("weights_format").get<std::string>())}};
}

// "unet/LAYER/down" …
json save_lora_files(const json& request) {
  TrainedLora lora;
  for (const auto& [name, tensor] : read_file(request.at("lora"))) {
    const auto first = name.find('/'), last = name.rfind('/');
    auto& layers = name.starts_with("unet/") ? lora.unet : lora.text_encoder;
    auto& layer = layers[name.substr(first + 1, last - first - 1)];
    const auto part = name.substr(last + 1);
    (part == "down" ? layer.down : part == "up" ? layer.up : layer.magnitude) = tensor;
  }
  for (auto* layers : {&lora.unet, &lora.text_encoder})
    for (auto& [name, layer] : *layers)
      layer.alpha = request.at("alphas").value(name, request.at("alpha").get<double>());
  save_lora(lora, request.at("output").get<std::string>());
  save_kohya_lora(lora, request.at("kohya").get<std::string>());
  return json::object();
}

json levels() {
  json reply;
  for (const bool is_signed : {true, false}) {
    const auto levels = BlockQuantizer(is_signed, at::kCPU).levels();
    const auto* first = levels.const_data_ptr<float>();
    reply[is_signed ? "signed" : "unsigned"] = std::vector<float>(first, first + levels.numel());
  }
  return reply;
}

json run(const json& request) {
  const auto op = request.at("op").get<std::string>();
  if (op == "lr_factors") return lr_factors(request);
  if (op == "adamw") return adamw(request);
  if (op == "ema") return ema(request);
  if (op == "save_model") return save_model_tree(request);
  if (op == "save_lora") return save_lora_files(request);
  if (op == "levels") return levels();
  throw std::runtime_error("unknown op " + op);
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    json reply;
    try {
      reply = run(json::parse(line));
    } catch (const std::exception& error) {
      reply = {{"error", error.what()}};
    }
    std::cout << reply.dump() << '\n';
  }
}
