// Runs annotators and their networks for the parity tests. Reads one JSON request from stdin:
//   {"inputs": FILE, "output": FILE,
//    "networks": {NAME: {"weights": PATH} or {"outputs": [[INPUT, …] of each call, …]}},
//    "operations": [{"op": "network", "network": NAME, "in": INPUT, "out": NAME} or
//                   {"op": "annotate", "annotator": NAME, "settings": {…}, "in": INPUT,
//                    "out": NAME}]}
// Tensors go in and out as safetensors in F32; pictures are [height, width, 3] of 0..255. A network
// with "outputs" computes nothing: it answers with these, so that what stands around networks can
// be tested on maps made for it. What networks were given comes out as "NETWORK.seen.0", "….1".
// Prints a JSON object: an entry per operation with the error where it failed, and the warnings.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "sdk/engine/engine.hpp"
#include "weights/formats/weight_file.hpp"

namespace {

using nlohmann::json;
using namespace dream;
using engine::HostTensor;
using Tensors = std::map<std::string, HostTensor>;

Tensors read_tensors(const std::string& path) {
  Tensors tensors;
  for (const auto& [name, view] : weights::read_weight_file(path).tensors) {
    if (view.dtype != weights::DType::f32) throw std::runtime_error("inputs must be F32");
    HostTensor tensor{view.shape, std::vector<float>(view.bytes.size() / sizeof(float))};
    std::memcpy(tensor.data.data(), view.bytes.data(), view.bytes.size());
    tensors.emplace(name, std::move(tensor));
  }
  return tensors;
}

void write_tensors(const std::string& path, const Tensors& tensors) {
  json header = json::object();
  std::size_t end = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto begin = end;
    end += tensor.data.size() * sizeof(float);
    header[name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  auto text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), sizeof length);
  file << text;
  for (const auto& [name, tensor] : tensors)
    file.write(reinterpret_cast<const char*>(tensor.data.data()),
               static_cast<std::streamsize>(tensor.data.size() * sizeof(float)));
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

engine::Picture to_picture(const HostTensor& tensor) {
  auto picture = engine::blank_picture(static_cast<int>(tensor.shape.at(1)),
                                       static_cast<int>(tensor.shape.at(0)), 3);
  std::ranges::transform(tensor.data, picture.data.begin(),
                         [](float value) { return static_cast<std::uint8_t>(value); });
  return picture;
}

HostTensor to_tensor(const engine::Picture& picture) {
  return {{picture.height, picture.width, picture.channels},
          {picture.data.begin(), picture.data.end()}};
}

// Notes what a network is given and hands it to `answer`.
class Watched final : public engine::AnnotatorNetwork {
 public:
  using Answer = std::function<std::vector<HostTensor>(const HostTensor&)>;
  Watched(std::string name, Tensors& seen, Answer answer)
      : name_(std::move(name)), seen_(seen), answer_(std::move(answer)) {}
  std::vector<HostTensor> run(const HostTensor& input) const override {
    seen_[name_ + ".seen." + std::to_string(calls_++)] = input;
    return answer_(input);
  }
  std::int64_t bytes() const override { return 0; }

 private:
  std::string name_;
  Tensors& seen_;
  Answer answer_;
  mutable int calls_ = 0;
};

class Probe final : public worker::imaging::Networks {
 public:
  explicit Probe(const json& request)
      : request_(request), inputs_(read_tensors(request.at("inputs"))) {}

  std::shared_ptr<const engine::AnnotatorNetwork> get(std::string_view network) override {
    const std::string name(network);
    if (const auto known = networks_.find(name); known != networks_.end()) return known->second;
    const auto& source = request_.at("networks");
    if (!source.contains(name)) throw std::runtime_error("no weights of " + name);
    auto made = std::make_shared<Watched>(name, outputs_, answer(name, source.at(name)));
    return networks_[name] = made;
  }

  json run() {
    json reply = {{"operations", json::array()}};
    for (const auto& operation : request_.at("operations")) {
      json entry = json::object();
      try {
        run(operation);
      } catch (const std::exception& error) {
        entry["error"] = error.what();
      }
      reply["operations"].push_back(std::move(entry));
    }
    reply["warnings"] = warnings_;
    write_tensors(request_.at("output"), outputs_);
    return reply;
  }

 private:
  Watched::Answer answer(const std::string& name, const json& source) {
    if (source.contains("weights")) {
      if (!engine_) engine_.reset(dream_engine_create({.device = "cpu", .threads = 2}));
      const std::string weights = source.at("weights");
      auto network = engine_->load_annotator(
          name, weights, [&](const std::string& line) { warnings_.push_back(line); });
      if (engine_->load_annotator(name, weights, {}) != network || network->bytes() < 1)
        throw std::runtime_error("the network is not shared");
      return [network](const HostTensor& input) { return network->run(input); };
    }
    return [this, source, call = 0](const HostTensor&) mutable {
      std::vector<HostTensor> answers;
      for (const std::string input : source.at("outputs").at(call++))
        answers.push_back(inputs_.at(input));
      return answers;
    };
  }

  void run(const json& operation) {
    const auto& input = inputs_.at(operation.at("in"));
    const std::string out = operation.at("out");
    if (operation.at("op") == "network") {
      const auto results = get(operation.at("network").get<std::string>())->run(input);
      for (std::size_t i = 0; i < results.size(); ++i)
        outputs_[out + "." + std::to_string(i)] = results[i];
      return;
    }
    const auto annotator =
        worker::imaging::make_annotator(operation.at("annotator").get<std::string>(), *this);
    outputs_[out] =
        to_tensor(annotator->annotate(to_picture(input), operation.value("settings", json())));
  }

  const json& request_;
  Tensors inputs_, outputs_;
  std::map<std::string, std::shared_ptr<const engine::AnnotatorNetwork>> networks_;
  std::unique_ptr<engine::Engine> engine_;
  std::vector<std::string> warnings_;
};

}  // namespace

int main() {
  try {
    const json request = json::parse(std::cin);
    std::cout << Probe(request).run() << std::endl;
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << "annotator_probe: " << error.what() << std::endl;
    return EXIT_FAILURE;
  }
}
