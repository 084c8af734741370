// Runs single stages of the engine for the parity tests. Reads one JSON request from stdin:
//   {"model": FOLDER, "inputs": FILE?, "output": FILE, "threads": N, "dtype": D,
//    "operations": [{"op": "text|unet|decode|encode|latents|generate|encode_image|safety",
//    "out": NAME, ...}]}
// Tensors go in and out as safetensors. Prints one JSON object: an entry per operation with its
// seconds and, where it failed, the error and its kind.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "sdk/engine/pipeline/embeddings.hpp"
#include "sdk/engine/pipeline/stable_diffusion.hpp"
#include "sdk/engine/pipeline/preview.hpp"
#include "sdk/engine/pipeline/stages.hpp"
#include "weights/formats/weight_file.hpp"

namespace {

using nlohmann::json;
using namespace dream::engine;
using Tensors = std::map<std::string, at::Tensor>;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Tensors read_tensors(const std::string& path) {
  Tensors tensors;
  for (const auto& [name, view] : dream::weights::read_weight_file(path).tensors) {
    if (view.dtype != dream::weights::DType::f32) throw std::runtime_error("inputs must be F32");
    auto tensor = at::empty(view.shape, at::kFloat);
    std::memcpy(tensor.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
    tensors.emplace(name, tensor);
  }
  return tensors;
}

void write_tensors(const std::string& path, const Tensors& tensors) {
  json header = json::object();
  std::string bytes;
  for (const auto& [name, tensor] : tensors) {
    const auto plain = (tensor.is_floating_point() ? tensor.to(at::kFloat) : tensor).contiguous();
    const auto begin = bytes.size();
    bytes.append(static_cast<const char*>(plain.const_data_ptr()), plain.nbytes());
    header[name] = {{"dtype", plain.scalar_type() == at::kByte ? "U8" : "F32"},
                    {"shape", plain.sizes().vec()},
                    {"data_offsets", {begin, bytes.size()}}};
  }
  auto text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), sizeof length);
  file << text << bytes;
  if (!file) throw std::runtime_error("cannot write " + path);
}

GenerateRequest to_request(const json& operation) {
  GenerateRequest request;
  request.prompt = operation.value("prompt", "");
  request.negative_prompt = operation.value("negative_prompt", "");
  const auto syntax = operation.value("prompt_syntax", "compel");
  request.prompt_syntax = syntax == "plain"   ? PromptSyntax::plain
                          : syntax == "a1111" ? PromptSyntax::a1111
                                              : PromptSyntax::compel;
  request.width = operation.value("width", 0);
  request.height = operation.value("height", 0);
  request.num_outputs = operation.value("num_outputs", 1);
  request.num_inference_steps = operation.value("num_inference_steps", 50);
  request.guidance_scale = operation.value("guidance_scale", 7.5);
  request.scheduler = operation.value("scheduler", "DPMSolverMultistep");
  request.guidance_rescale = operation.value("guidance_rescale", 0.0);
  request.eta = operation.value("eta", 0.0);
  request.karras = operation.value("karras", false);
  request.clip_skip = operation.value("clip_skip", 0);
  request.seed = operation.value("seed", std::int64_t{0});
  for (const auto& lora : operation.value("loras", json::array())) {
    const auto file = lora.at("file").get<std::string>();
    request.loras.push_back({file, lora.value("name", ""), lora.value("scale", 1.0)});
  }
  for (const auto& file : operation.value("embeddings", json::array())) {
    const std::filesystem::path path = file.get<std::string>();
    request.embeddings.push_back({path, path.stem().string(), 1.0});
  }
  return request;
}

// "image" [height, width, 3] and "mask" [height, width], values 0..255.
void add_pictures(const json& operation, const Tensors& inputs, GenerateRequest& request) {
  const auto bytes_of = [&](const char* key) {
    return inputs.at(operation.at(key).get<std::string>()).to(at::kByte).contiguous();
  };
  const auto fill = [](auto& picture, const at::Tensor& bytes) {
    const auto* first = bytes.const_data_ptr<std::uint8_t>();
    picture.height = static_cast<int>(bytes.size(0));
    picture.width = static_cast<int>(bytes.size(1));
    picture.pixels.assign(first, first + bytes.numel());
  };
  if (operation.contains("image")) fill(request.image.emplace(), bytes_of("image"));
  if (operation.contains("mask")) fill(request.mask.emplace(), bytes_of("mask"));
  request.prompt_strength = operation.value("prompt_strength", 0.8);
  request.paste_original = operation.value("paste_original", true);
}

std::int64_t strip_limit(const json& operation) {
  return operation.value("strip_limit", large_map_bytes);
}

at::Tensor to_tensor(const Image& image) {
  return at::from_blob(const_cast<std::uint8_t*>(image.pixels.data()),
                       {image.height, image.width, 3}, at::kByte)
      .clone();
}

// Bytes of memory that this process holds just now.
std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

struct Probe {
  Engine& engine;
  const StableDiffusion& pipeline;
  const Tensors& inputs;
  LoraVariants& variants;
  Tensors outputs;
  std::vector<std::shared_ptr<const ControlModel>> loaded = {};

  const at::Tensor& input(const json& operation, const char* key) const {
    return inputs.at(operation.at(key).get<std::string>());
  }

  // "controls": [{"weights": PATH, "image": INPUT of [height, width, 3], …}]. What was loaded
  // stays, as it does in a server.
  void add_controls(const json& operation, json& reply, GenerateRequest& request) {
    const auto warn = [&](const std::string& line) { reply["log"].push_back(line); };
    for (const auto& given : operation.value("controls", json::array())) {
      Control control;
      control.model = engine.load_control(given.at("weights").get<std::string>(), warn);
      loaded.push_back(control.model);
      control.name = given.value("name", "control");
      GenerateRequest picture;
      add_pictures({{"image", given.at("image")}}, inputs, picture);
      control.image = *picture.image;
      control.masked = given.value("masked", false);
      control.scale = given.value("scale", 1.0);
      control.guidance_start = given.value("start", 0.0);
      control.guidance_end = given.value("end", 1.0);
      request.controls.push_back(std::move(control));
    }
    request.guess_mode = operation.value("guess_mode", false);
  }

  void generate(const json& operation, const std::string& out, json& reply) {
    auto request = to_request(operation);
    add_pictures(operation, inputs, request);
    add_controls(operation, reply, request);
    const int cancel_at = operation.value("cancel_at", 0);
    reply["steps"] = json::array();
    reply["log"] = json::array();
    request.on_step = [&](const Step& step) {
      reply["steps"].push_back({step.image, step.step, step.steps});
      return step.step != cancel_at;
    };
    request.on_log = [&](const std::string& line) { reply["log"].push_back(line); };
    request.disable_safety_check = operation.value("disable_safety_check", false);
    reply["flagged"] = json::array();
    request.on_flagged = [&](int index) { reply["flagged"].push_back(index); };
    pipeline.generate(request, [&](int index, Image image) {
      outputs[out + "." + std::to_string(index)] = to_tensor(image);
    });
  }

  // Pixels 0..255 [height, width, 3] through engine.hpp.
  at::Tensor encode_picture(const at::Tensor& pixels, std::uint64_t seed) const {
    const auto bytes = pixels.to(at::kByte).contiguous();
    const auto* first = bytes.const_data_ptr<std::uint8_t>();
    auto latents = pipeline.encode_image({static_cast<int>(bytes.size(1)),
                                          static_cast<int>(bytes.size(0)),
                                          {first, first + bytes.numel()}},
                                         seed);
    return at::from_blob(latents.data.data(), latents.shape, at::kFloat).clone();
  }

  void run(const json& operation, json& reply) {
    const auto op = operation.at("op").get<std::string>();
    const auto out = operation.value("out", op);
    if (op == "generate") return generate(operation, out, reply);
    if (op == "encode_image") {
      outputs[out] = encode_picture(input(operation, "pixels"), operation.at("seed"));
      return;
    }
    const c10::InferenceMode inference;
    auto request = to_request(operation);
    const auto base = pipeline.parts();
    const auto variant =
        variants.get(*base, request.loras,
                     [&](const std::string& line) { reply["log"].push_back(line); });
    request.on_log = [&](const std::string& line) { reply["log"].push_back(line); };
    const auto& drawing = variant ? *variant : *base;
    const auto taught = with_embeddings(drawing, request);
    const auto& parts = taught ? *taught : drawing;
    add_pictures(operation, inputs, request);
    add_controls(operation, reply, request);
    if (op == "text") {
      outputs[out] = encode_prompts(parts, request, operation.value("guided", false));
    } else if (op == "unet") {
      TextContext text(input(operation, "context"));
      outputs[out] = parts.unet.forward(input(operation, "sample"),
                                        operation.at("timestep").get<double>(), text,
                                        operation.value("guidance_scale", 1.0));
    } else if (op == "decode") {
      outputs[out] = parts.vae.decode(input(operation, "latents"), strip_limit(operation));
    } else if (op == "encode") {
      const auto gaussian = parts.vae.encode(input(operation, "pixels"), strip_limit(operation));
      outputs[out + ".mean"] = gaussian.mean;
      outputs[out + ".logvar"] = gaussian.logvar;
    } else if (op == "safety") {
      const auto pixels = input(operation, "pixels").to(at::kByte).contiguous();
      const auto* first = pixels.const_data_ptr<std::uint8_t>();
      const auto scores = parts.safety_checker->scores({static_cast<int>(pixels.size(1)),
                                                        static_cast<int>(pixels.size(0)),
                                                        3,
                                                        {first, first + pixels.numel()}});
      outputs[out + ".special_care"] = at::tensor(at::ArrayRef<float>(scores.special_care));
      outputs[out + ".concepts"] = at::tensor(at::ArrayRef<float>(scores.concepts));
      reply["flagged"] = scores.flagged();
    } else if (op == "latents") {
      const auto plan = make_plan(request, parts);
      const auto states = encode_prompts(parts, request, plan.guided);
      const auto condition = condition_on_image(parts, request, plan);
      const Controls controls(parts, request);
      const int count = operation.value("together", 1);
      PreviewCache cache;
      Previews previews(request, parts.vae, cache);
      outputs[out] = at::cat(draw_latents(parts, request, plan, condition, controls,
                                          operation.value("first", 0), count, states, previews));
    } else {
      throw std::runtime_error("unknown operation " + op);
    }
  }

  json answer(const json& operation) {
    json reply = json::object();
    const auto start = Clock::now();
    const auto failed = [&](const char* kind, const std::exception& error) {
      reply["kind"] = kind;
      reply["error"] = error.what();
    };
    try {
      run(operation, reply);
    } catch (const InvalidInput& error) {
      failed("InvalidInput", error);
    } catch (const Canceled& error) {
      failed("Canceled", error);
    } catch (const AllFlagged& error) {
      failed("AllFlagged", error);
    } catch (const std::exception& error) {
      failed("runtime_error", error);
    }
    reply["seconds"] = seconds_since(start);
    reply["resident_bytes"] = resident_bytes();
    return reply;
  }
};

json run_all(const json& request) {
  json reply = {{"warnings", json::array()}, {"operations", json::array()}};
  EngineOptions options;
  options.device = request.value("device", "auto");
  options.dtype = request.value("dtype", "auto");
  options.threads = request.value("threads", 0);
  options.clip_vocabulary = request.value("vocabulary", "");
  options.safety_checker = request.value("safety_checker", "");
  options.clip_vision = request.value("clip_vision", "");
  options.lora_bytes = request.value("lora_bytes", options.lora_bytes);
  const auto start = Clock::now();
  std::shared_ptr<const Pipeline> pipeline;
  std::unique_ptr<Engine> engine;
  try {
    engine.reset(dream_engine_create(options));
    const auto warn = [&](const std::string& line) { reply["warnings"].push_back(line); };
    pipeline = engine->load(request.at("model").get<std::string>(), warn);
    reply["shared"] = engine->load(request.at("model").get<std::string>(), warn) == pipeline;
  } catch (const std::exception& error) {
    reply["error"] = error.what();
    return reply;
  }
  reply["load_seconds"] = seconds_since(start);
  reply["info"] = {{"native_size", pipeline->info().native_size},
                   {"size_multiple", pipeline->info().size_multiple},
                   {"prediction_type", pipeline->info().prediction_type},
                   {"device", engine->device()},
                   {"dtype", engine->dtype()},
                   {"torch", engine->torch_version()}};
  const auto inputs = request.contains("inputs") ? read_tensors(request.at("inputs")) : Tensors{};
  const auto cache = ResidentCache::make(0, {});
  cache->limit("lora", options.lora_bytes);
  LoraVariants variants(cache);
  Probe probe{*engine, dynamic_cast<const StableDiffusion&>(*pipeline), inputs, variants, {}};
  for (const auto& operation : request.at("operations")) {
    reply["operations"].push_back(probe.answer(operation));
  }
  write_tensors(request.at("output"), probe.outputs);
  return reply;
}

}  // namespace

int main() {
  try {
    std::cout << run_all(json::parse(std::cin)) << std::endl;
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << "engine_probe: " << error.what() << std::endl;
    return EXIT_FAILURE;
  }
}
