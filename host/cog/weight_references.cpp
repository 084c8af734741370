#include "host/cog/weight_references.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "host/cog/input_files.hpp"

namespace dream::host {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// The file that `reference` names; empty when there is none.
fs::path find_file(const std::string& reference, const std::string& kind,
                   const weights::ModelStore& store, WeightPaths paths) {
  std::error_code error;
  if (paths == WeightPaths::any && fs::is_regular_file(reference, error))
    return fs::absolute(reference).lexically_normal();
  return store.find(reference, kind).value_or(fs::path());
}

}  // namespace

void for_each_weight_reference(const json& schema, json& resolved, const VisitReference& visit) {
  for (const auto& input : schema.at("inputs")) {
    const std::string name = input.at("name");
    if (!input.contains("reference") || !resolved.contains(name)) continue;
    json& value = resolved[name];
    if (value.is_string()) visit(input, -1, value);
    if (!value.is_array()) continue;
    for (std::size_t i = 0; i < value.size(); ++i)
      if (value[i].is_string()) visit(input, static_cast<int>(i), value[i]);
  }
}

void resolve_weight_names(const json& schema, json& resolved, const weights::ModelStore& store,
                          WeightPaths paths, std::vector<ValidationError>& errors) {
  for_each_weight_reference(schema, resolved, [&](const json& input, int index, json& value) {
    const auto text = value.get<std::string>();
    if (is_url(text)) return;
    const std::string kind = input.at("reference");
    // A name may itself end like a strength: the whole of it comes first.
    auto reference = text;
    auto file = find_file(reference, kind, store, paths);
    if (file.empty()) {
      reference = weights::parse_scaled_reference(text).reference;
      file = find_file(reference, kind, store, paths);
    }
    if (!file.empty()) {
      const auto strength = text.substr(reference.size());
      value = file.string() + (strength.empty() ? "@1" : strength);
      return;
    }
    const auto name = input.at("name").get<std::string>();
    errors.push_back({{"body", "input", index < 0 ? name : fmt::format("{}/{}", name, index)},
                      fmt::format("{}. Allowed are its names, and data, http and https URLs",
                                  store.missing(reference.substr(0, 100), kind)),
                      "value_error"});
  });
}

}  // namespace dream::host
