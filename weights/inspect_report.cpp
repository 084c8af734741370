#include <fmt/core.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "weights/formats/text.hpp"
#include "weights/inspect.hpp"

namespace dream::weights {
namespace {

using nlohmann::json;

// Names come from the file: whatever could steer a terminal is escaped.
std::string text(const json& value) {
  return printable(value.get_ref<const std::string&>(), 200);
}

std::string millions(std::uint64_t count) {
  if (count >= 1'000'000) return fmt::format("{:.2f} M", static_cast<double>(count) / 1e6);
  return fmt::format("{}", count);
}

void add_component(std::string& out, const json& component) {
  const std::string name = text(component["name"]);
  out += fmt::format("\n{}{}\n", name.empty() ? "" : name + ": ", text(component["label"]));
  std::vector<std::string> files;
  for (const json& file : component["files"]) files.push_back(text(file));
  out += fmt::format("  {} ({})\n", fmt::join(files, ", "), text(component["format"]));
  std::vector<std::string> dtypes;
  for (const auto& [dtype, count] : component["dtypes"].items())
    dtypes.push_back(fmt::format("{} × {}", count.get<std::uint64_t>(), dtype));
  out += fmt::format("  {} tensors ({}), {} parameters, {}\n",
                     component["tensor_count"].get<std::uint64_t>(), fmt::join(dtypes, ", "),
                     millions(component["parameters"].get<std::uint64_t>()),
                     human_bytes(component["bytes"].get<std::uint64_t>()));
  for (const auto& [key, value] : component["metadata"].items())
    out += fmt::format("  metadata {}: {}\n", printable(key), text(value));
  for (const json& note : component["notes"]) out += fmt::format("  note: {}\n", text(note));
  if (const json& unmatched = component["unmatched"]; !unmatched.empty()) {
    out +=
        fmt::format("  {} names do not belong to {}:\n", unmatched.size(), text(component["kind"]));
    for (const json& key : unmatched) out += fmt::format("    {}\n", text(key));
  }
}

void add_tensors(std::string& out, const json& component) {
  const std::string name = text(component["name"]);
  for (const json& tensor : component["tensors"]) {
    out += fmt::format("{}{}  {} [{}]  {}\n", name.empty() ? "" : name + "/", text(tensor["name"]),
                       text(tensor["dtype"]),
                       fmt::join(tensor["shape"].get<std::vector<std::int64_t>>(), ", "),
                       human_bytes(tensor["bytes"].get<std::uint64_t>()));
  }
}

}  // namespace

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB"}) {
    unit = next;
    value /= 1024;
    if (value < 1024) break;
  }
  return fmt::format("{:.1f} {}", value, unit);
}

std::string format_report(const json& report) {
  std::string out = text(report["path"]);
  if (report.contains("class")) out += fmt::format(": {}", text(report["class"]));
  out += '\n';
  for (const json& component : report["components"]) add_component(out, component);
  if (const json& other = report["other"]; !other.empty()) {
    out += "\nwithout weights:";
    for (const json& component : other)
      out += fmt::format(" {} ({}{})", text(component["name"]), text(component["class"]),
                         component.contains("missing") ? ", folder missing" : "");
    out += '\n';
  }
  const json& totals = report["totals"];
  out += fmt::format(
      "\ntotal: {} tensors, {} parameters, {}, {} unmatched\n\n",
      totals["tensors"].get<std::uint64_t>(), millions(totals["parameters"].get<std::uint64_t>()),
      human_bytes(totals["bytes"].get<std::uint64_t>()), totals["unmatched"].get<std::uint64_t>());
  for (const json& component : report["components"]) add_tensors(out, component);
  return out;
}

}  // namespace dream::weights
