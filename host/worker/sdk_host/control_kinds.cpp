#include "host/worker/sdk_host/control_kinds.hpp"

#include <algorithm>
#include <array>
#include <variant>

#include "host/worker/imaging/annotators/annotator.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"
#include "sdk/engine/engine.hpp"

namespace dream::worker {
namespace {

constexpr std::string_view controlnet = "controlnet-", adapter = "t2i-adapter-";

struct ControlKind {
  std::string_view name;
  std::string_view family;     // of the network that the kind alone means
  std::string_view annotator;  // empty: the picture is the map
  bool masked = false;
};

constexpr std::array kinds = {
    ControlKind{"canny", controlnet, "canny"},
    ControlKind{"depth", controlnet, "depth"},
    ControlKind{"hed", controlnet, "hed"},
    ControlKind{"mlsd", controlnet, "mlsd"},
    ControlKind{"normal", controlnet, "normal"},
    ControlKind{"openpose", controlnet, "openpose"},
    ControlKind{"scribble", controlnet, "scribble"},
    ControlKind{"seg", controlnet, "seg"},
    ControlKind{"tile", controlnet, "tile"},
    ControlKind{"inpaint", controlnet, "", true},
    ControlKind{"lineart", controlnet, "lineart"},
    ControlKind{"lineart-anime", controlnet, "lineart-anime"},
    ControlKind{"normalbae", controlnet, "normalbae"},
    ControlKind{"softedge", controlnet, "pidinet"},
    ControlKind{"sketch", adapter, "sketch"},
    ControlKind{"color", adapter, "color"},
    ControlKind{"keypose", adapter, ""},
    ControlKind{"style", adapter, ""},
};

const ControlKind* find_kind(std::string_view name) {
  const auto* found = std::ranges::find(kinds, name, &ControlKind::name);
  return found == kinds.end() ? nullptr : found;
}

InputSpec option_input(const imaging::AnnotatorOption& option) {
  InputSpec input;
  input.name = option.name;
  input.description = option.description;
  std::visit([&](const auto& fallback) { input.default_value = fallback; }, option.fallback);
  if (std::holds_alternative<bool>(option.fallback)) {
    input.type = DREAM_BOOLEAN;
  } else if (std::holds_alternative<std::string_view>(option.fallback)) {
    input.type = DREAM_STRING;
    for (const auto& choice : option.choices) input.choices.emplace_back(choice);
  } else {
    const bool whole = std::holds_alternative<std::int64_t>(option.fallback);
    input.type = whole ? DREAM_INTEGER : DREAM_NUMBER;
    input.ge = option.lowest;
    input.le = option.highest;
  }
  return input;
}

}  // namespace

std::vector<InputSpec> annotator_inputs(const std::string& annotator) {
  std::vector<InputSpec> inputs;
  if (annotator.empty()) return inputs;
  try {
    for (const auto& option : imaging::annotator_kind(annotator).options)
      inputs.push_back(option_input(option));
  } catch (const engine::InvalidInput& unknown) {
    throw invalid(unknown.what());
  }
  return inputs;
}

ControlSource control_by_name(std::string_view name) {
  if (const ControlKind* kind = find_kind(name))
    return {std::string(kind->family) + std::string(name), std::string(kind->annotator),
            kind->masked};
  ControlSource source{std::string(name), "", false};
  for (const auto family : {controlnet, adapter}) {
    if (!name.starts_with(family)) continue;
    const ControlKind* kind = find_kind(name.substr(family.size()));
    if (kind == nullptr) continue;
    source.annotator = kind->annotator;
    source.masked = kind->masked;
  }
  return source;
}

std::vector<std::string> control_kind_names() {
  std::vector<std::string> names;
  for (const ControlKind& kind : kinds) names.emplace_back(kind.name);
  return names;
}

}  // namespace dream::worker
