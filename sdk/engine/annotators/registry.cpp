#include "sdk/engine/annotators/registry.hpp"

#include <fmt/format.h>

#include <array>
#include <stdexcept>
#include <string>

namespace dream::engine {
namespace {

using Make = std::shared_ptr<const AnnotatorNetwork> (*)(const std::filesystem::path& weights,
                                                         const Compute& compute, const Warn& warn);

struct Kind {
  const char* name;
  Make make;
};

constexpr std::array<Kind, 0> kinds = {};

}  // namespace

std::shared_ptr<const AnnotatorNetwork> make_annotator_network(std::string_view network,
                                                               const std::filesystem::path& weights,
                                                               const Compute& compute,
                                                               const Warn& warn) {
  std::string known;
  for (const Kind& kind : kinds) {
    if (kind.name == network) return kind.make(weights, compute, warn);
    known += known.empty() ? kind.name : std::string(", ") + kind.name;
  }
  throw std::runtime_error(
      fmt::format("there is no annotator network '{}': there are {}", network, known));
}

}  // namespace dream::engine
