// Runs schedulers with a closed-form model in place of the UNet, so that a test can run diffusers'
// own schedulers the same way. One JSON request per line in, one JSON reply per line out.
#include <ATen/ATen.h>

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "sdk/engine/schedulers/scheduler.hpp"

namespace {

using nlohmann::json;

at::Generator seeded(std::int64_t seed) {
  at::Generator generator = at::globalContext().defaultGenerator(at::kCPU).clone();
  generator.set_current_seed(static_cast<std::uint64_t>(seed));
  return generator;
}

json values_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kFloat).contiguous();
  const float* data = flat.const_data_ptr<float>();
  return std::vector<float>(data, data + flat.numel());
}

json run(const json& request) {
  const auto scheduler = dream::engine::make_scheduler(request.at("name"), request.at("config"),
                                                       {.karras = request.value("karras", false)});
  scheduler->set_timesteps(request.at("steps"));
  const std::vector<std::int64_t> shape{1, 4, 3, 5};
  at::Generator generator = seeded(request.value("seed", 7));
  at::Tensor sample = at::randn(shape, generator) * scheduler->init_noise_sigma();

  json reply{{"timesteps", scheduler->timesteps()}, {"samples", json::array()}};
  const at::Tensor noise = at::randn(shape, generator);
  const std::size_t amid = scheduler->timesteps().size() / 2;
  reply["noisy"] = values_of(scheduler->add_noise(sample, noise, scheduler->timesteps()[amid]));
  for (const double timestep : scheduler->timesteps()) {
    const at::Tensor input = scheduler->scale_model_input(sample, timestep);
    const at::Tensor model_output = input * 0.3 + std::cos(timestep / 100);
    sample = scheduler->step(model_output, timestep, sample, generator);
    reply["samples"].push_back(values_of(sample));
  }
  return reply;
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
