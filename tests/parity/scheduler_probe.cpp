// Runs schedulers with a closed-form model in place of the UNet, so that a test can run diffusers'
// own schedulers the same way. One JSON request per line in, one JSON reply per line out.
#include <ATen/ATen.h>

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "sdk/engine/schedulers/beta_quantile.hpp"
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

// The loop of a pipeline; with "begin" that of image to image, which starts there with add_noise.
json run(const json& request) {
  const auto scheduler = dream::engine::make_scheduler(
      request.at("name"), request.at("config"),
      {.karras = request.value("karras", false), .eta = request.value("eta", 0.0)});
  scheduler->set_timesteps(request.at("steps"));
  const std::vector<std::int64_t> shape{1, 4, 3, 5};
  at::Generator generator = seeded(request.value("seed", 7));
  const at::Tensor image = at::randn(shape, generator);
  at::Tensor sample = image * scheduler->init_noise_sigma();

  json reply{{"timesteps", scheduler->timesteps()}, {"samples", json::array()}};
  const at::Tensor noise = at::randn(shape, generator);
  auto timesteps = scheduler->timesteps();
  if (request.contains("begin")) {
    const auto begin = request["begin"].get<std::size_t>() * scheduler->order();
    scheduler->set_begin_index(begin);
    timesteps.erase(timesteps.begin(), timesteps.begin() + static_cast<std::ptrdiff_t>(begin));
    sample = scheduler->add_noise(image, noise, timesteps.front());
    reply["noisy"] = values_of(sample);
  } else {
    const double amid = timesteps[timesteps.size() / 2];
    reply["noisy"] = values_of(scheduler->add_noise(sample, noise, amid));
  }
  for (std::size_t i = 0; i < timesteps.size(); ++i) {
    const at::Tensor input = scheduler->scale_model_input(sample, timesteps[i]);
    const at::Tensor model_output = input * 0.3 + std::cos(timesteps[i] / 100);
    sample = scheduler->step(model_output, timesteps[i], sample, generator);
    // As inpainting asks: the image with the noise of the next call.
    if (request.contains("begin") && i + 1 < timesteps.size())
      sample = (sample + scheduler->add_noise(image, noise, timesteps[i + 1])) / 2;
    reply["samples"].push_back(values_of(sample));
  }
  return reply;
}

json beta_quantiles(const json& request) {
  std::vector<double> quantiles;
  for (const double share : request.at("shares"))
    quantiles.push_back(dream::engine::beta_quantile(share, request.at("shape")));
  return {{"quantiles", quantiles}};
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    json reply;
    try {
      const json request = json::parse(line);
      reply = request.contains("shares") ? beta_quantiles(request) : run(request);
    } catch (const std::exception& error) {
      reply = {{"error", error.what()}};
    }
    std::cout << reply.dump() << '\n';
  }
}
