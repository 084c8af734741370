// Runs the picture operations for the parity tests. Reads a JSON list of operations from stdin:
//   {"op": "resize|convert|canny|decode|encode", "in": FILE, "out": FILE,
//    "size": [WIDTH, HEIGHT, CHANNELS], ...}
// Pixels go in and out as raw bytes. Prints a JSON list: per operation the result's size
// [width, height, channels], or the error.
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/imaging/decode.hpp"
#include "host/worker/imaging/encode.hpp"

namespace {

using nlohmann::json;
using namespace dream;
namespace imaging = worker::imaging;

void write(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

engine::Picture read(const json& operation) {
  const auto& size = operation.at("size");
  engine::Picture picture{size.at(0), size.at(1), size.at(2), {}};
  std::ifstream file(operation.at("in").get<std::string>(), std::ios::binary);
  picture.data.assign(std::istreambuf_iterator<char>(file), {});
  if (picture.data.size() != picture.row_bytes() * picture.height)
    throw std::runtime_error("the input has " + std::to_string(picture.data.size()) + " bytes");
  return picture;
}

struct NoNetworks final : imaging::Networks {
  std::shared_ptr<const engine::AnnotatorNetwork> get(std::string_view network) override {
    throw std::runtime_error("no weights of " + std::string(network));
  }
};

engine::Picture run(const json& operation) {
  const std::string op = operation.at("op");
  if (op == "decode") return imaging::decode_file(operation.at("in").get<std::string>());
  const engine::Picture picture = read(operation);
  if (op == "resize")
    return engine::resample(picture, operation.at("to").at(0), operation.at("to").at(1),
                            static_cast<engine::Filter>(operation.at("filter").get<int>()));
  if (op == "convert") return engine::convert(picture, operation.at("channels"));
  if (op == "canny") {
    NoNetworks networks;
    return imaging::make_annotator(op, networks)->annotate(picture, operation.at("settings"));
  }
  throw std::runtime_error("unknown operation " + op);
}

json answer(const json& operation) {
  try {
    if (operation.at("op") == "encode") {
      write(operation.at("out"),
            imaging::encode(read(operation), operation.at("format").get<std::string>(),
                            operation.value("quality", 95)));
      return json::object();
    }
    const engine::Picture result = run(operation);
    write(operation.at("out"), result.data);
    return {{"size", {result.width, result.height, result.channels}}};
  } catch (const std::exception& error) {
    return {{"error", error.what()}};
  }
}

}  // namespace

int main() {
  json answers = json::array();
  for (const auto& operation : json::parse(std::cin)) answers.push_back(answer(operation));
  std::cout << answers << std::endl;
}
