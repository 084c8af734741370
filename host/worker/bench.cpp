#include "host/worker/bench.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace dream::worker {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char prompt[] = "a photograph of an astronaut riding a horse";

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

template <class Work>
double timed(Work&& work) {
  const auto start = Clock::now();
  work();
  return seconds(Clock::now() - start);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// The most memory this process ever held (VmHWM); null where the system does not say.
nlohmann::json peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  }
  return nullptr;
}

struct Drawing {
  std::vector<double> steps;  // seconds of each denoise step; the first has the text in it
  double decode = 0;          // seconds
  int together = 1;           // pictures in one UNet call
};

// Draws as a prediction does. `unet`: only the steps of the first pictures that go together.
Drawing draw(const engine::Pipeline& pipeline, engine::GenerateRequest request, bool unet,
             bool waits) {
  Drawing drawing;
  auto last = Clock::now();
  const auto lap = [&last] {
    const auto now = Clock::now();
    return seconds(now - std::exchange(last, now));
  };
  request.on_step = [&](const engine::Step& step) {
    drawing.steps.push_back(lap());
    drawing.together = std::max(drawing.together, step.together);
    return !unet || step.step < step.steps;
  };
  // A device works ahead of us: to ask for the latents is to wait until it is done.
  if (waits) request.on_latents = [](const engine::Step&, engine::HostTensor&) {};
  try {
    pipeline.generate(request, [&](int, const engine::Image&) { drawing.decode += lap(); });
  } catch (const engine::Canceled&) {
    if (!unet) throw;
  }
  return drawing;
}

engine::GenerateRequest request_of(const nlohmann::json& message) {
  engine::GenerateRequest request;
  request.prompt = prompt;
  request.scheduler = "DDIM";  // one UNet call a step
  request.width = request.height = message.at("size").get<int>();
  request.num_inference_steps = message.at("steps").get<int>();
  request.num_outputs = message.at("batch").get<int>();
  request.disable_safety_check = true;
  return request;
}

}  // namespace

nlohmann::json run_bench(HostState& host, const nlohmann::json& message) {
  const bool unet = message.at("target").get<std::string>() == "unet";
  const auto request = request_of(message);
  std::shared_ptr<const engine::Pipeline> pipeline;
  const double load = timed([&] {
    pipeline = host.engine.pipeline(host.engine_options, host.weights,
                                    [&](const std::string& line) { host.log("warning", line); });
  });
  const auto texts = [&] {
    pipeline->encode_prompt(request.prompt, 0);
    pipeline->encode_prompt(request.negative_prompt, 0);
  };
  const double first_text = timed(texts), text = timed(texts);
  const auto& engine = host.engine.engine(host.engine_options);
  auto drawing = draw(*pipeline, request, unet, engine.device() != "cpu");
  auto& steps = drawing.steps;
  steps.front() = std::max(0.0, steps.front() - text);
  double denoise = 0;
  for (const double step : steps) denoise += step;
  // The first step also fills caches, so it does not count where there are others.
  const double first_step = steps.front();
  if (steps.size() > 1) steps.erase(steps.begin());
  const double step = median(steps);
  const auto size = request.width > 0 ? request.width : pipeline->info().native_size;
  nlohmann::json stages = {{"load", load}, {"text", text}, {"denoise", denoise}};
  stages["decode"] = unet ? nlohmann::json() : nlohmann::json(drawing.decode);
  return {{"it_per_s", 1 / step},
          {"step_s", step},
          {"stages_s", std::move(stages)},
          {"cold_start_s", load + first_text + first_step},
          {"size", size},
          {"pictures_per_call", drawing.together},
          {"peak_memory_bytes", peak_memory_bytes()},
          {"device", engine.device()},
          {"dtype", engine.dtype()},
          {"threads", engine.threads()},
          {"libtorch", engine.torch_version()}};
}

}  // namespace dream::worker
