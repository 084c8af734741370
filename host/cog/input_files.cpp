#include "host/cog/input_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <stdexcept>

#include "host/base/mime.hpp"
#include "host/base/paths.hpp"
#include "host/cog/data_url.hpp"
#include "host/cog/weight_references.hpp"
#include "weights/store/check_model.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

constexpr std::uint64_t most_weight_bytes = 8ULL << 30;

bool starts_with_scheme(const std::string& text, std::string_view scheme) {
  return text.size() >= scheme.size() &&
         std::equal(scheme.begin(), scheme.end(), text.begin(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
}

// Calls visit(name, index or -1, value) for each given value of each file input.
template <typename Json, typename Visit>
void for_each_file(const json& schema, Json& resolved, Visit visit) {
  for (const auto& input : schema.at("inputs")) {
    if (input.at("type") != "file") continue;
    const std::string name = input.at("name");
    if (!resolved.contains(name) || resolved[name].is_null()) continue;
    auto& value = resolved[name];
    if (!value.is_array()) {
      visit(name, -1, value);
      continue;
    }
    for (std::size_t i = 0; i < value.size(); ++i) visit(name, static_cast<int>(i), value[i]);
  }
}

std::filesystem::path store_data_url(const std::string& url, const std::filesystem::path& folder) {
  const DataUrl data = parse_data_url(url);
  auto path = folder / "file";
  path += std::string(extension_of(data.media_type));
  std::ofstream file(path, std::ios::binary);
  file.write(data.bytes.data(), static_cast<std::streamsize>(data.bytes.size()));
  file.close();
  if (!file) throw std::runtime_error("the disk is full");
  return path;
}

// The local file for a URL.
std::filesystem::path fetch(const std::string& url, const std::filesystem::path& folder,
                            const std::atomic<bool>& canceled, const DownloadLimits& limits) {
  return is_data_url(url) ? store_data_url(url, folder) : download(url, folder, canceled, limits);
}

// Whether a reference, of any form, is a URL. Its text has been checked.
bool names_url(const json& input, const std::string& text) {
  return is_url(text) ||
         (input.value("named_reference", false) && is_url(take_apart(input, text).reference));
}

}  // namespace

bool is_url(const std::string& text) {
  return is_data_url(text) || starts_with_scheme(text, "http://") ||
         starts_with_scheme(text, "https://");
}

bool has_input_files(const json& schema, const json& resolved) {
  bool any = false;
  for_each_file(schema, resolved, [&](const std::string&, int, const json&) { any = true; });
  const auto& inputs = schema.at("inputs");
  const bool refers = std::any_of(inputs.begin(), inputs.end(),
                                  [](const json& input) { return input.contains("reference"); });
  if (any || !refers) return any;
  json copy = resolved;
  for_each_weight_reference(schema, copy, [&](const json& input, int, const json& value) {
    any = any || names_url(input, value.get<std::string>());
  });
  return any;
}

void check_file_references(const json& schema, const json& resolved,
                           std::vector<ValidationError>& errors) {
  for_each_file(schema, resolved, [&](const std::string& name, int index, const json& value) {
    if (value.is_string() && is_url(value.get_ref<const std::string&>())) return;
    const std::string where = index < 0 ? name : fmt::format("{}/{}", name, index);
    const std::string text = value.is_string() ? value.get<std::string>().substr(0, 100) : "";
    errors.push_back({{"body", "input", where},
                      fmt::format("'{}' is not a valid URL scheme. 'data', 'http', or 'https' is "
                                  "supported.",
                                  text),
                      "value_error"});
  });
}

FetchedInputs fetch_input_files(const json& schema, json resolved,
                                const std::filesystem::path& folder,
                                const std::atomic<bool>& canceled, DownloadCache& cache,
                                const DownloadLimits& limits) {
  FetchedInputs fetched;
  std::size_t count = 0;
  const auto named = [](const std::string& name, const auto& action) {
    try {
      return action();
    } catch (const std::exception& error) {
      throw std::runtime_error(fmt::format("{}: {}", name, error.what()));
    }
  };
  const auto fetch_one = [&](const std::string& url) {
    const auto place = folder / "inputs" / std::to_string(count++);  // names may repeat
    make_private_folder(folder);
    std::filesystem::create_directories(place);
    return fetch(url, place, canceled, limits).string();
  };
  const auto fetch_weights = [&](const std::string& name, const std::string& url, bool is_model) {
    CacheRequest request;
    request.url = url;
    request.most_bytes = most_weight_bytes;
    request.canceled = &canceled;
    if (is_model) request.check = weights::check_model_file;
    CacheReply reply = cache.fetch(request);
    fetched.logs.push_back(fmt::format("{}: {} from the download cache: {}\n", name,
                                       reply.file.path().filename().string(), reply.summary()));
    fetched.in_use.push_back(std::move(reply.file));
    return fetched.in_use.back().path().string();
  };
  for_each_file(schema, resolved, [&](const std::string& name, int, json& value) {
    const auto& url = value.get_ref<const std::string&>();
    value = named(name, [&] { return fetch_one(url); });
  });
  for_each_weight_reference(schema, resolved, [&](const json& input, int, json& value) {
    const auto text = value.get<std::string>();
    if (!names_url(input, text)) return;
    const std::string name = input.at("name");
    const bool is_model = is_model_reference(input);
    const bool is_picture = input.value("named_reference", false);
    const auto parts = take_apart(input, text);
    const auto path = named(name, [&] {
      if (is_picture) return fetch_one(parts.reference);
      if (!is_data_url(parts.reference)) return fetch_weights(name, parts.reference, is_model);
      const auto file = fetch_one(parts.reference);
      if (is_model) weights::check_model_file(file);
      return file;
    });
    value = parts.before + path + parts.after;
  });
  fetched.resolved = std::move(resolved);
  return fetched;
}

}  // namespace dream::host
