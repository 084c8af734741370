#include "weights/formats/json_file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "weights/formats/memory_map.hpp"
#include "weights/formats/output_file.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

constexpr std::size_t max_bytes = 64'000'000;
constexpr int max_depth = 64;

// `text` with quotes around Python's words for numbers that JSON does not have, where they stand
// outside of strings.
std::string quote_bare_words(std::string_view text) {
  constexpr std::string_view words[] = {"-Infinity", "Infinity", "NaN"};
  std::string quoted;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size();) {
    const auto rest = text.substr(at);
    const auto* word = std::ranges::find_if(
        words, [&](std::string_view candidate) { return rest.starts_with(candidate); });
    if (!in_string && word != std::end(words)) {
      quoted.append("\"").append(*word).append("\"");
      at += word->size();
      continue;
    }
    const std::size_t size = in_string && text[at] == '\\' && at + 1 < text.size() ? 2 : 1;
    if (text[at] == '"') in_string = !in_string;
    quoted.append(text, at, size);
    at += size;
  }
  return quoted;
}

}  // namespace

nlohmann::json read_json_object(const std::filesystem::path& path) {
  return read_json_object(map_file(path));
}

nlohmann::json read_json_object(const FileBytes& file) {
  using nlohmann::json;
  std::string_view text(reinterpret_cast<const char*>(file.data.data()), file.data.size());
  if (text.empty()) throw Error(fmt::format("{}: is empty, expected JSON", file.name));
  if (text.size() > max_bytes)
    throw Error(fmt::format("{}: {} bytes are over the limit of {} for a JSON file", file.name,
                            text.size(), max_bytes));
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    throw Error(fmt::format("{}: is UTF-16, expected JSON in UTF-8", file.name));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const auto check_depth = [&](int depth, json::parse_event_t, json&) {
    if (depth > max_depth)
      throw Error(fmt::format("{}: JSON is nested deeper than {} levels", file.name, max_depth));
    return true;
  };
  json value;
  try {
    value = json::parse(text.begin(), text.end(), check_depth);
  } catch (const json::parse_error& error) {
    const std::string quoted = quote_bare_words(text);
    if (quoted.size() != text.size()) value = json::parse(quoted, check_depth, false);
    if (quoted.size() == text.size() || value.is_discarded())
      throw Error(fmt::format("{}: is not valid JSON at byte {}", file.name, error.byte));
  } catch (const json::exception&) {
    throw Error(fmt::format("{}: holds a JSON number that is out of range", file.name));
  }
  if (!value.is_object())
    throw Error(
        fmt::format("{}: holds a JSON {}, expected an object", file.name, value.type_name()));
  return value;
}

void write_json(const std::filesystem::path& path, const nlohmann::json& value) {
  OutputFile file(path);
  file.write(value.dump(2) + "\n");
  file.commit();
}

}  // namespace dream::weights
