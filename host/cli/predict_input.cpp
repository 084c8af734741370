#include "host/cli/predict_input.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iostream>
#include <iterator>

#include "host/cli/errors.hpp"
#include "host/cli/input_values.hpp"
#include "host/cog/input_validation.hpp"
#include "host/cog/weight_references.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

json read_json(const std::string& file) {
  if (file.empty()) return json::object();
  std::ifstream stream;
  if (file != "-") {
    stream.open(file, std::ios::binary);
    if (!stream) throw UsageError(fmt::format("--input-json: cannot read '{}'", file));
  }
  std::istream& source = file == "-" ? std::cin : stream;
  const std::string text(std::istreambuf_iterator<char>(source), {});
  try {
    json value = json::parse(text);
    if (value.is_object()) return value;
  } catch (const json::parse_error& error) {
    throw UsageError(fmt::format("--input-json: '{}' is not JSON: {}", file, error.what()));
  }
  throw UsageError(fmt::format("--input-json: '{}' is not a JSON object", file));
}

const json* find_input(const json& schema, const std::string& name) {
  for (const auto& input : schema.at("inputs"))
    if (input.at("name") == name) return &input;
  return nullptr;
}

std::string problem_text(const json& schema, const ValidationError& error) {
  const std::string name = error.loc.size() > 2 ? error.loc[2] : "";
  const json* input = find_input(schema, name.substr(0, name.find('/')));
  return fmt::format("input {}: {}{}", name, error.msg,
                     input == nullptr ? "" : fmt::format(" ({})", describe_allowed(*input)));
}

}  // namespace

PredictInput read_input(const json& schema, const std::string& json_file,
                        const std::vector<std::string>& assignments,
                        const std::filesystem::path& models) {
  PredictInput input;
  input.given = parse_inputs(schema, assignments, read_json(json_file));
  std::vector<ValidationError> errors;
  input.resolved = resolve_input(schema, input.given, errors);
  if (errors.empty())
    resolve_weight_names(schema, input.resolved, weights::ModelStore(models), WeightPaths::any,
                         errors);
  std::string problems;
  for (const auto& error : errors)
    problems += (problems.empty() ? "" : "\n       ") + problem_text(schema, error);
  if (!problems.empty()) throw UsageError(problems);
  return input;
}

FetchedInputs fetch_urls(const json& schema, json resolved, const std::filesystem::path& folder,
                         DownloadCache& cache) {
  FetchedInputs all;
  const std::atomic<bool> canceled = false;
  std::size_t count = 0;  // a folder each: names may repeat
  for (const auto& input : schema.at("inputs")) {
    const auto name = input.at("name").get<std::string>();
    const bool fetched = input.value("type", "") == "file" || input.contains("reference");
    if (!fetched || !resolved.contains(name)) continue;
    json one = input;
    one["list"] = false;
    const json one_schema = {{"inputs", json::array({one})}};
    const auto fetch = [&](json& value) {
      if (!value.is_string() || !is_url(value.get<std::string>())) return;
      auto one_file = fetch_input_files(one_schema, {{name, value}},
                                        folder / std::to_string(count++), canceled, cache);
      value = one_file.resolved.at(name);
      std::ranges::move(one_file.in_use, std::back_inserter(all.in_use));
      std::ranges::move(one_file.logs, std::back_inserter(all.logs));
    };
    if (resolved[name].is_array())
      for (auto& item : resolved[name]) fetch(item);
    else
      fetch(resolved[name]);
  }
  all.resolved = std::move(resolved);
  return all;
}

}  // namespace dream::host
