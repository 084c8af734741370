#include "weights/store/model_store.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

namespace dream::weights {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 6> suffixes = {"",    ".safetensors", ".bin",
                                                      ".pt", ".pth",         ".ckpt"};

constexpr std::array<std::string_view, 5> picture_suffixes = {"", ".png", ".jpg", ".jpeg", ".webp"};

// What a name of this kind may end with, and be given without.
std::span<const std::string_view> suffixes_of(std::string_view kind) {
  if (kind == "pictures") return picture_suffixes;
  return suffixes;
}

bool is_of_kind(const fs::path& path, std::string_view kind) {
  const auto suffix = path.extension().string();
  const auto known = suffixes_of(kind);
  return !suffix.empty() && std::ranges::find(known, suffix) != known.end();
}

// The name relative to the store; empty when it leads out of it. Links inside the store are the
// owner's business.
fs::path inside(const fs::path& root, std::string_view name) {
  if (name.empty() || name.find('\0') != std::string_view::npos) return {};
  fs::path path(name);
  if (path.is_absolute()) path = path.lexically_normal().lexically_relative(root);
  path = path.lexically_normal();
  const bool leads_out = path.empty() || path.is_absolute() || *path.begin() == "..";
  return leads_out || path == "." ? fs::path() : path;
}

}  // namespace

std::optional<fs::path> ModelStore::find(std::string_view name, std::string_view kind) const {
  std::error_code error;
  const auto root = fs::absolute(root_, error).lexically_normal();
  const auto relative = inside(root, name);
  if (root_.empty() || relative.empty()) return {};
  for (const auto& folder : {root, root / kind}) {
    for (const auto suffix : suffixes_of(kind)) {
      auto path = folder / relative;
      path += suffix;
      if (fs::is_regular_file(path, error)) return path;
    }
  }
  return {};
}

std::optional<fs::path> ModelStore::find_folder(std::string_view name) const {
  std::error_code error;
  const auto root = fs::absolute(root_, error).lexically_normal();
  const auto relative = inside(root, name);
  if (root_.empty() || relative.empty() || !fs::is_directory(root / relative, error)) return {};
  return root / relative;
}

std::optional<fs::path> ModelStore::find_network(std::string_view name) const {
  std::error_code error;
  if (const auto folder = find_folder(name)) {
    for (fs::directory_iterator entry(*folder, error), end; !error && entry != end;
         entry.increment(error)) {
      if (entry->is_regular_file(error) && is_of_kind(entry->path(), "")) return folder;
    }
  }
  return find(name, "");
}

std::optional<fs::path> ModelStore::find_model(std::string_view name) const {
  std::error_code error;
  const auto folder = name.starts_with('.') ? std::nullopt : find_folder(name);
  if (!folder) {
    const auto file = find(name, "");
    return file ? file : find(std::string(name) + ".zip", "");
  }
  if (fs::is_regular_file(*folder / "model_index.json", error)) return folder;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(*folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto suffix = entry->path().extension();
    if (suffix == ".safetensors" || suffix == ".ckpt" || suffix == ".zip")
      files.push_back(entry->path());
  }
  return files.size() == 1 ? std::optional(files.front()) : std::nullopt;
}

std::string ModelStore::missing_model(std::string_view name) const {
  std::vector<std::string> known;
  std::error_code error;
  for (fs::directory_iterator entry(root_, error), end; !error && entry != end;
       entry.increment(error)) {
    if (fs::is_regular_file(entry->path() / "model_index.json", error))
      known.push_back(entry->path().filename().string());
  }
  std::ranges::sort(known);
  return fmt::format("the model store has no model '{}'; {}", name,
                     known.empty() ? std::string("it has no model folders")
                                   : fmt::format("there are: {}", fmt::join(known, ", ")));
}

std::string ModelStore::missing_weights(const fs::path& file, std::string_view pull,
                                        const fs::path& model) const {
  const auto store = root_.empty()
                         ? std::string("there is no model store (--models)")
                         : fmt::format("not in the model store {}", root_.string());
  const auto searched =
      model.empty() ? fmt::format("{}{}", root_.empty() ? "" : "they are ", store)
                    : fmt::format("they are not in the model's folder {}, and {}", model.string(),
                                  store);
  const auto way = pull.empty() ? std::string("none are published under that name")
                                : fmt::format("get them with: dream weights pull {}", pull);
  return fmt::format("the weights {} are missing: {}; {}", file.string(), searched, way);
}

std::vector<std::string> ModelStore::names(std::string_view kind) const {
  std::vector<std::string> names;
  std::error_code error;
  const auto folder = root_ / kind;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->is_regular_file(error) || !is_of_kind(entry->path(), kind)) continue;
    names.push_back(entry->path().lexically_relative(folder).replace_extension().string());
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string ModelStore::missing(std::string_view name, std::string_view kind) const {
  constexpr std::size_t shown = 20;
  auto known = names(kind);
  const auto more = known.size() > shown ? fmt::format(" and {} more", known.size() - shown) : "";
  known.resize(std::min(known.size(), shown));
  const auto listing = known.empty() ? fmt::format("its folder {} is empty or not there", kind)
                                     : fmt::format("there are: {}{}", fmt::join(known, ", "), more);
  return fmt::format("the model store has no '{}'; {}", name, listing);
}

ScaledReference parse_scaled_reference(std::string_view text) {
  ScaledReference parsed{std::string(text)};
  const auto at = text.rfind('@');
  if (at == std::string_view::npos || at == 0) return parsed;
  auto number = text.substr(at + 1);
  if (number.starts_with('+')) number.remove_prefix(1);
  double scale = 0;
  const auto* end = number.data() + number.size();
  const auto result = std::from_chars(number.data(), end, scale);
  if (number.empty() || result.ec != std::errc{} || result.ptr != end) return parsed;
  return {std::string(text.substr(0, at)), scale};
}

}  // namespace dream::weights
