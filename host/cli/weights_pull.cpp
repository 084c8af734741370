// `dream weights pull` and `list`: known models, fetched into the model store.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "host/base/ids.hpp"
#include "host/base/paths.hpp"
#include "host/base/unique_fd.hpp"
#include "host/cli/byte_progress.hpp"
#include "host/cli/errors.hpp"
#include "host/cli/suggestions.hpp"
#include "host/cli/weights_commands.hpp"
#include "host/downloads/large_download.hpp"
#include "weights/inspect.hpp"
#include "weights/store/manifest.hpp"
#include "weights/verify.hpp"

namespace dream::host {
namespace fs = std::filesystem;
namespace {

struct PullFlags {
  std::string name;
  std::string models;
  std::string base_url;
  unsigned connections = 4;
  bool json = false;

  fs::path store() const { return models.empty() ? default_model_store() : fs::path(models); }
};

std::vector<weights::Manifest> known_models() {
  return weights::read_manifests(manifests());
}

weights::Manifest fetch_manifest(const std::string& url) {
  const fs::path path = fs::temp_directory_path() / ("dream-manifest-" + new_id() + ".json");
  LargeDownload what;
  what.source.url = url;
  what.path = path;
  download_large(what, [](std::uint64_t, std::uint64_t) {});
  try {
    auto manifest = weights::read_manifest(path);
    fs::remove(path);
    return manifest;
  } catch (const std::exception& error) {
    fs::remove(path);
    throw std::runtime_error(fmt::format("{}: {}", url, error.what()));
  }
}

weights::Manifest find_model(const std::string& name) {
  if (name.starts_with("http://") || name.starts_with("https://")) return fetch_manifest(name);
  if (name.find('/') != std::string::npos || name.ends_with(".json"))
    return weights::read_manifest(name);
  std::vector<std::string> names;
  for (auto& manifest : known_models()) {
    if (manifest.name == name) return manifest;
    names.push_back(manifest.name);
  }
  const auto close = closest_names(name, names);
  throw UsageError(fmt::format(
      "no known model is called '{}'; {}", name,
      close.empty() ? "`dream weights list` shows them, a path or URL of a manifest works too"
                    : fmt::format("did you mean {}?", fmt::join(close, ", "))));
}

// The same path and query at another server: a mirror that keeps the names.
std::string at_mirror(const std::string& url, std::string base) {
  if (base.empty()) return url;
  while (base.ends_with('/')) base.pop_back();
  const std::size_t path = url.find('/', url.find("://") + 3);
  return path == std::string::npos ? base : base + url.substr(path);
}

UniqueFd lock_folder(const fs::path& folder, const std::string& name) {
  UniqueFd lock(::open((folder / ".dream-pull.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    throw std::runtime_error(fmt::format("another pull of {} is under way in {}", name,
                                         folder.string()));
  return lock;
}

nlohmann::json read_record(const fs::path& folder) {
  std::ifstream in(folder / weights::pull_record_name);
  auto record = in ? nlohmann::json::parse(in, nullptr, false) : nlohmann::json();
  return record.is_object() ? record : nlohmann::json::object();
}

// The recorded digest of a file that is there already and is what the manifest wants.
std::string recorded(const nlohmann::json& record, const weights::ManifestFile& file,
                     const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : record.value("files", nlohmann::json::array())) {
    if (entry.value("path", "") != file.path || entry.value("url", "") != file.url) continue;
    const std::string digest = entry.value("sha256", "");
    const bool same = fs::file_size(folder / file.path, error) == entry.value("size", 0ULL) &&
                      !error && (!file.sha256 || *file.sha256 == digest);
    return same ? digest : "";
  }
  return "";
}

void write_record(const fs::path& folder, const nlohmann::json& record) {
  const fs::path path = folder / weights::pull_record_name;
  const fs::path next = path.string() + ".new";
  std::ofstream out(next);
  if (!(out << record.dump(2) << '\n' && out.flush()))
    throw std::runtime_error(fmt::format("cannot write {}", next.string()));
  fs::rename(next, path);
}

int pull_weights(const PullFlags& flags) {
  const weights::Manifest manifest = find_model(flags.name);
  const fs::path folder = flags.store() / manifest.name;
  fmt::print(stderr, "{}: {}\nlicence: {}{}\n", manifest.name, manifest.description,
             manifest.license,
             manifest.license_url.empty() ? "" : fmt::format(" ({})", manifest.license_url));
  fs::create_directories(folder);
  const UniqueFd lock = lock_folder(folder, manifest.name);
  const nlohmann::json before = read_record(folder);
  nlohmann::json record = {{"name", manifest.name},
                           {"license", manifest.license},
                           {"source", manifest.source},
                           {"complete", false},
                           {"files", nlohmann::json::array()}};
  for (const auto& file : manifest.files) {
    const fs::path path = folder / file.path;
    std::string digest = recorded(before, file, folder);
    if (digest.empty()) {
      fs::create_directories(path.parent_path());
      LargeDownload what;
      what.source.url = at_mirror(file.url, flags.base_url);
      what.path = path;
      what.bytes = file.bytes;
      what.sha256 = file.sha256;
      what.connections = flags.connections;
      ByteProgress bar;
      digest = download_large(what, [&](std::uint64_t there, std::uint64_t all) {
                 bar.show(file.path, there, all);
               }).sha256;
      fmt::print(stderr, "{}: sha256 {}, {}\n", file.path, digest,
                 file.sha256 ? "as the manifest states"
                             : "recorded: no source states one to compare with");
    }
    record["files"].push_back({{"path", file.path},
                               {"url", file.url},
                               {"size", fs::file_size(path)},
                               {"sha256", digest}});
    record["complete"] = record["files"].size() == manifest.files.size();
    write_record(folder, record);
  }
  fmt::print("{}\n", folder.string());
  return 0;
}

int list_weights(const PullFlags& flags) {
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& manifest : known_models()) {
    std::optional<std::uint64_t> bytes = 0;
    for (const auto& file : manifest.files)
      bytes = bytes && file.bytes ? std::optional(*bytes + *file.bytes) : std::nullopt;
    const bool pulled = read_record(flags.store() / manifest.name).value("complete", false);
    rows.push_back({{"name", manifest.name},
                    {"kind", manifest.kind},
                    {"license", manifest.license},
                    {"size", bytes ? nlohmann::json(*bytes) : nlohmann::json()},
                    {"pulled", pulled},
                    {"description", manifest.description}});
  }
  if (flags.json) {
    fmt::print("{}\n", rows.dump(2));
    return 0;
  }
  for (const auto& row : rows)
    fmt::print("{:<28} {:<17} {:<28} {:<10} {}\n", row["name"].get<std::string>(),
               row["kind"].get<std::string>(), row["license"].get<std::string>(),
               row["size"].is_null() ? "-" : weights::human_bytes(row["size"].get<std::uint64_t>()),
               row["pulled"].get<bool>() ? "pulled" : "");
  return 0;
}

void add_store(CLI::App& command, PullFlags& flags) {
  command.add_option("--models", flags.models, "Model store (default ~/.cache/dream/models)")
      ->envname("DREAM_MODELS")
      ->type_name("DIR");
}

}  // namespace

void add_weights_pull(CLI::App& weights, Command& chosen) {
  const auto flags = std::make_shared<PullFlags>();
  CLI::App* pull = weights.add_subcommand(
      "pull", "Download a known model into the model store; goes on where it was cut");
  pull->footer("Example:\n  dream weights pull sd-1.5 && dream predict vanilla --weights sd-1.5");
  pull->add_option("name", flags->name, "Of `dream weights list`, or a manifest's path or URL")
      ->required()
      ->type_name("NAME");
  add_store(*pull, *flags);
  pull->add_option("--base-url", flags->base_url, "A mirror: scheme and host instead of the files'")
      ->type_name("URL");
  pull->add_option("--connections", flags->connections, "At once for a large file (default 4)")
      ->check(CLI::Range(1, 16))
      ->type_name("N");
  pull->callback([flags, &chosen] { chosen = [flags] { return pull_weights(*flags); }; });
  CLI::App* list = weights.add_subcommand("list", "Known models: kind, licence, size, pulled");
  list->footer("Example:\n  dream weights list --json");
  add_store(*list, *flags);
  list->add_flag("--json", flags->json, "Print as JSON");
  list->callback([flags, &chosen] { chosen = [flags] { return list_weights(*flags); }; });
}

}  // namespace dream::host
