// Shows a weight file as the readers see it, for comparison with torch and safetensors:
// `weights_probe FILE [DUMP]` prints JSON and writes the tensors' bytes one after another to DUMP;
// `weights_probe --inspect PATH` and `--report PATH` print what `dream weights inspect` is made of;
// `weights_probe --layout ARCH` prints the tensors that each part of an architecture has.
#include <fmt/core.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "weights/formats/weight_file.hpp"
#include "weights/inspect.hpp"
#include "weights/models/architectures.hpp"
#include "weights/models/layout.hpp"

namespace {

nlohmann::json probe(const char* path, const char* dump_path) {
  const dream::weights::WeightFile file = dream::weights::read_weight_file(path);
  std::ofstream dump;
  if (dump_path != nullptr) dump.open(dump_path, std::ios::binary);
  nlohmann::json tensors = nlohmann::json::array();
  std::size_t offset = 0;
  for (const auto& [name, tensor] : file.tensors) {
    tensors.push_back({{"name", name},
                       {"dtype", dream::weights::to_string(tensor.dtype)},
                       {"shape", tensor.shape},
                       {"offset", offset},
                       {"bytes", tensor.bytes.size()}});
    offset += tensor.bytes.size();
    if (dump.is_open())
      dump.write(reinterpret_cast<const char*>(tensor.bytes.data()),
                 static_cast<std::streamsize>(tensor.bytes.size()));
  }
  return {{"format", dream::weights::to_string(file.format)},
          {"tensors", std::move(tensors)},
          {"metadata", file.metadata},
          {"notes", file.notes}};
}

nlohmann::json layout(const char* architecture) {
  nlohmann::json parts = nlohmann::json::array();
  for (const auto& part : dream::weights::find_architecture(architecture).components) {
    nlohmann::json shapes;
    for (const auto& tensor : dream::weights::layout_of(part.class_name, part.config))
      shapes[tensor.name] = tensor.shape;
    parts.push_back({{"class", part.class_name}, {"config", part.config}, {"shapes", shapes}});
  }
  return parts;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    fmt::print(stderr, "usage: weights_probe FILE [DUMP] | --inspect PATH | --report PATH | "
                       "--layout ARCH\n");
    return 2;
  }
  try {
    if (argc == 3 && std::strcmp(argv[1], "--report") == 0) {
      fmt::print("{}", dream::weights::format_report(dream::weights::inspect(argv[2])));
    } else if (argc == 3 && std::strcmp(argv[1], "--inspect") == 0) {
      fmt::print("{}\n", dream::weights::inspect(argv[2]).dump());
    } else if (argc == 3 && std::strcmp(argv[1], "--layout") == 0) {
      fmt::print("{}\n", layout(argv[2]).dump());
    } else {
      fmt::print("{}\n", probe(argv[1], argc == 3 ? argv[2] : nullptr).dump());
    }
  } catch (const dream::weights::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  return 0;
}
