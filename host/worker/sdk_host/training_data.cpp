#include "host/worker/sdk_host/training_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>

#include "host/worker/imaging/decode.hpp"
#include "host/worker/imaging/picture_file.hpp"
#include "host/worker/sdk_host/output_file.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"
#include "weights/store/zip_listing.hpp"

namespace dream::worker {
namespace fs = std::filesystem;
namespace {

using std::string_view_literals::operator""sv;

constexpr std::size_t most_caption_bytes = 10'000;

constexpr std::string_view picture_endings[] = {".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp",
                                                ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif"};
constexpr std::string_view archive_endings[] = {".zip", ".tar", ".tgz", ".gz",
                                                ".bz2", ".xz",  ".7z",  ".rar"};

bool is_one_of(std::string_view ending, std::span<const std::string_view> endings) {
  return std::ranges::find(endings, ending) != endings.end();
}

// A member's place in the archive: "Holiday\\IMG 1.PNG" is folder "Holiday/", name "IMG 1.PNG".
struct Place {
  std::string folder;  // with the '/' at its end; empty at the top
  std::string name;
  std::string stem;
  std::string ending;  // lower case, with its dot

  explicit Place(std::string path) {
    std::ranges::replace(path, '\\', '/');
    const auto slash = path.rfind('/');
    folder = slash == path.npos ? "" : path.substr(0, slash + 1);
    name = slash == path.npos ? path : path.substr(slash + 1);
    const auto dot = name.rfind('.');
    stem = name.substr(0, dot);
    ending = dot == name.npos ? "" : name.substr(dot);
    std::ranges::transform(ending, ending.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  }
};

// What operating systems leave in archives, and files that hide.
bool is_passed_over(const std::string& path) {
  std::string part;
  std::istringstream parts(path);
  while (std::getline(parts, part, '/')) {
    const bool leads_up = part == "." || part == "..";
    if (part == "__MACOSX" || (part.starts_with('.') && !leads_up)) return true;
  }
  return part == "Thumbs.db" || part == "desktop.ini";
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const auto first = text.find_first_not_of(space);
  if (first == text.npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(space) + 1 - first));
}

class Archive {
 public:
  Archive(std::string input, fs::path folder, const TrainingDataLimits& limits)
      : input_(std::move(input)), folder_(std::move(folder)), limits_(limits) {}

  void read(const fs::path& path) {
    try {
      weights::list_zip(path, [&](const weights::ZipMember& member) { add(member); });
    } catch (const SdkError&) {
      throw;
    } catch (const std::exception& error) {
      refuse(fmt::format("it cannot be used as a zip archive of pictures: {}", error.what()));
    }
  }

  TrainingData finish() {
    for (const auto& [place, text] : metadata_) add_metadata(place, text);
    for (const auto& [place, text] : texts_) add_text(place, text);
    if (data_.pictures.empty())
      refuse("it has no picture (PNG, JPEG, WebP, BMP, TIFF) that a training could learn from");
    return std::move(data_);
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const { throw invalid(input_ + ": " + why); }

  void add(const weights::ZipMember& member) {
    if (member.is_folder) return;
    count(member);
    const Place place(member.name);
    if (is_passed_over(place.folder + place.name)) return;
    const bool said_picture = is_one_of(place.ending, picture_endings);
    if (said_picture && member.plain_bytes > imaging::max_picture_file_bytes)
      refuse(fmt::format("'{}' has {} bytes, at most {} are allowed", member.name,
                         member.plain_bytes, imaging::max_picture_file_bytes));
    std::string bytes;
    try {
      bytes = member.read();
    } catch (const std::exception& error) {
      refuse(fmt::format("'{}' cannot be read: {}", member.name, error.what()));
    }
    if (is_one_of(place.ending, archive_endings) || bytes.starts_with("PK\3\4"sv))
      refuse(fmt::format("'{}' is an archive inside the archive: put the pictures themselves in it",
                         member.name));
    if (place.ending == ".txt" && !looks_like_picture(bytes)) {
      texts_.emplace_back(member.name, std::move(bytes));
    } else if (place.name == "metadata.jsonl") {
      metadata_.emplace_back(member.name, std::move(bytes));
    } else if (said_picture || looks_like_picture(bytes)) {
      add_picture(member.name, bytes);
    } else {
      note(member.name, "is no picture");
    }
  }

  void count(const weights::ZipMember& member) {
    bytes_ += member.plain_bytes;
    if (++files_ > limits_.most_files)
      refuse(fmt::format("it has more than {} files", limits_.most_files));
    if (bytes_ > limits_.most_bytes)
      refuse(fmt::format("it unpacks to more than {} bytes", limits_.most_bytes));
  }

  static std::span<const std::uint8_t> as_span(const std::string& bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  }

  static bool looks_like_picture(const std::string& bytes) {
    try {
      imaging::inspect(as_span(bytes));
      return true;
    } catch (const engine::InvalidInput&) {
      return false;
    }
  }

  void add_picture(const std::string& name, const std::string& bytes) {
    try {
      imaging::decode(as_span(bytes));
    } catch (const engine::InvalidInput& error) {
      refuse(fmt::format("the picture '{}' cannot be read: {}", name, error.what()));
    }
    const Place place(name);
    const fs::path file = folder_ / fmt::format("{:05}", data_.pictures.size());
    write_file(file, {bytes.begin(), bytes.end()});
    by_name_[place.folder + place.name] = data_.pictures.size();
    by_stem_[place.folder + place.stem].push_back(data_.pictures.size());
    data_.pictures.push_back({file, ""});
  }

  void add_text(const std::string& name, const std::string& text) {
    const Place place(name);
    const auto found = by_stem_.find(place.folder + place.stem);
    if (found == by_stem_.end()) return note(name, "stands beside no picture of its name");
    for (const std::size_t index : found->second) set_caption(index, name, text);
  }

  void add_metadata(const std::string& name, const std::string& text) {
    const std::string folder = Place(name).folder;
    std::istringstream lines(text);
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
      if (trimmed(line).empty()) continue;
      const std::string where = fmt::format("{}, line {}", name, number);
      const auto json = nlohmann::json::parse(trimmed(line), nullptr, false);
      const auto member = [&](const char* key) -> std::string {
        const auto found = json.is_object() ? json.find(key) : json.end();
        if (!json.is_object() || found == json.end() || !found->is_string())
          refuse(fmt::format("{}: an object with the texts file_name and text is expected", where));
        return found->get<std::string>();
      };
      const auto found = by_name_.find(folder + member("file_name"));
      if (found == by_name_.end())
        refuse(fmt::format("{}: there is no picture '{}'", where, member("file_name")));
      set_caption(found->second, where, member("text"));
    }
  }

  void set_caption(std::size_t index, const std::string& where, const std::string& text) {
    std::string caption = trimmed(text);
    if (caption.size() > most_caption_bytes)
      refuse(fmt::format("{}: the caption has {} bytes, at most {} are allowed", where,
                         caption.size(), most_caption_bytes));
    if (!is_utf8(caption)) refuse(fmt::format("{}: the caption is not UTF-8", where));
    data_.pictures[index].caption = std::move(caption);
  }

  static bool is_utf8(const std::string& text) {
    try {
      static_cast<void>(nlohmann::json(text).dump());
      return true;
    } catch (const nlohmann::json::type_error&) {
      return false;
    }
  }

  void note(const std::string& name, const std::string& why) {
    data_.notes.push_back(fmt::format("{}: '{}' {}, it is left out", input_, name, why));
  }

  std::string input_;
  fs::path folder_;
  TrainingDataLimits limits_;
  std::size_t files_ = 0;
  std::uint64_t bytes_ = 0;
  TrainingData data_;
  std::map<std::string, std::size_t> by_name_;
  std::map<std::string, std::vector<std::size_t>> by_stem_;
  std::vector<std::pair<std::string, std::string>> texts_, metadata_;  // name, content
};

}  // namespace

TrainingData unpack_training_data(const fs::path& archive, const std::string& input,
                                  const fs::path& folder, const TrainingDataLimits& limits) {
  Archive opened(input, folder, limits);
  opened.read(archive);
  return opened.finish();
}

engine::Image read_training_picture(const fs::path& file) {
  auto picture = engine::convert(imaging::decode_file(file), 3);
  return {picture.width, picture.height, std::move(picture.data)};
}

}  // namespace dream::worker
