#include "host/cog/weight_references.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <functional>

#include "host/cog/input_files.hpp"
#include "weights/store/control_reference.hpp"
#include "weights/tensor_view.hpp"

namespace dream::host {
namespace {

using nlohmann::json;
using ReportMissing = std::function<void(const std::string& text)>;
namespace fs = std::filesystem;

// The file that `reference` names; empty when there is none.
fs::path find_file(const std::string& reference, const std::string& kind,
                   const weights::ModelStore& store, WeightPaths paths) {
  std::error_code error;
  if (paths == WeightPaths::any && fs::is_regular_file(reference, error))
    return fs::absolute(reference).lexically_normal();
  return store.find(reference, kind).value_or(fs::path());
}

// A model is a folder or a file; a server's clients may name those of the store alone.
void resolve_model(json& value, const weights::ModelStore& store, WeightPaths paths,
                   const ReportMissing& missing) {
  const auto text = value.get<std::string>();
  std::error_code error;
  if (paths == WeightPaths::any && fs::exists(text, error)) {
    value = fs::absolute(text).lexically_normal().string();
  } else if (const auto found = store.find_model(text)) {
    value = found->string();
  } else {
    missing(store.missing_model(text.substr(0, 100)));
  }
}

}  // namespace

bool is_model_reference(const json& input) {
  return input.value("reference", "") == "model";
}

ReferenceText take_apart(const json& input, const std::string& text) {
  if (is_model_reference(input)) return {"", text, ""};
  if (!input.value("named_reference", false)) {
    const auto reference = weights::parse_scaled_reference(text).reference;
    const auto strength = text.substr(reference.size());
    return {"", reference, strength.empty() ? "@1" : strength};
  }
  const auto control = weights::parse_control_reference(text);
  return {control.name + "=", control.reference,
          fmt::format("@{}[{},{}]", control.scale, control.guidance_start, control.guidance_end)};
}

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
    const auto refuse = [&](const std::string& problem) {
      const auto name = input.at("name").get<std::string>();
      errors.push_back({{"body", "input", index < 0 ? name : fmt::format("{}/{}", name, index)},
                        problem,
                        "value_error"});
    };
    const auto missing = [&](const std::string& problem) {
      refuse(problem + ". Allowed are its names, and data, http and https URLs");
    };
    const auto text = value.get<std::string>();
    const bool is_named = input.value("named_reference", false);
    if (!is_named && is_url(text)) return;
    if (is_model_reference(input)) return resolve_model(value, store, paths, missing);
    try {
      const auto parts = take_apart(input, text);
      if (is_url(parts.reference)) return;
      const std::string kind = input.at("reference");
      // A name may itself end like a strength: the whole of it comes first.
      const auto whole = text.substr(parts.before.size());
      if (const auto file = find_file(whole, kind, store, paths); !file.empty())
        value = parts.before + file.string() + (is_named ? "@1[0,1]" : "@1");
      else if (const auto part = find_file(parts.reference, kind, store, paths); !part.empty())
        value = parts.before + part.string() + parts.after;
      else
        missing(store.missing(parts.reference.substr(0, 100), kind));
    } catch (const weights::Error& error) {
      refuse(error.what());
    }
  });
}

}  // namespace dream::host
