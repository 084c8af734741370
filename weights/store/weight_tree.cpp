#include "weights/store/weight_tree.hpp"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string_view>

#include "weights/formats/text.hpp"
#include "weights/formats/zip_archive.hpp"
#include "weights/store/model_source.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t free_unpacked = 64u << 20;  // bytes that any archive may unpack to
constexpr std::uint64_t most_packed = 64;           // and above them, per byte of the archive
constexpr std::size_t longest_path = 4096;          // what Linux opens
constexpr std::size_t longest_name = 255;

template <typename Visit>
void each_segment(std::string_view path, Visit visit) {
  for (;;) {
    const std::size_t slash = path.find('/');
    visit(path.substr(0, slash));
    if (slash == std::string_view::npos) return;
    path.remove_prefix(slash + 1);
  }
}

// What keeps a path from lying in a layer; empty if nothing does.
std::string problem_of(const std::string& path) {
  if (path.size() > longest_path) return "is too long";
  if (!is_utf8(path)) return "is not UTF-8";
  if (std::ranges::any_of(path, [](unsigned char c) { return c < ' ' || c == 0x7F || c == '\\'; }))
    return "has a control character or a backslash";
  std::string problem;
  each_segment(path, [&](std::string_view name) {
    if (name.empty() || name == "." || name == "..")
      problem = "is not a plain path below the weights";
    else if (name.starts_with(".wh."))
      problem = "means a deletion in an image's layer";
    else if (name.size() > longest_name)
      problem = "has a name that is too long";
  });
  return problem;
}

bool is_hidden(std::string_view name) {
  return name.starts_with('.') || name == "__MACOSX";
}

// The part of `path` up to its first hidden segment; empty if it has none.
std::string hidden_part(const std::string& path) {
  std::size_t end = 0;
  std::string hidden;
  each_segment(path, [&](std::string_view name) {
    end += name.size() + 1;
    if (hidden.empty() && is_hidden(name)) hidden = path.substr(0, end - 1);
  });
  return hidden;
}

}  // namespace

void WeightTree::fail(const std::string& what) const {
  throw Error(fmt::format("{}: {}", root_.string(), what));
}

WeightTree WeightTree::open(const fs::path& path, const WeightTreeLimits& limits) {
  WeightTree tree(path);
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) tree.fail("there is no such file or folder");
  if (fs::is_directory(status))
    tree.list_folder(limits);
  else
    tree.list_archive(limits);
  tree.sort_and_check();
  return tree;
}

bool WeightTree::leave_out(const std::string& path) {
  const std::string hidden = hidden_part(path);
  if (hidden.empty()) return false;
  if (std::ranges::find(left_out_, hidden) == left_out_.end()) left_out_.push_back(hidden);
  return true;
}

void WeightTree::add(const std::string& path, std::uint64_t bytes, const WeightTreeLimits& limits) {
  if (const std::string problem = problem_of(path); !problem.empty())
    fail(fmt::format("the path '{}' {}", printable(path), problem));
  if (leave_out(path)) return;
  if (files_.size() == limits.files) fail(fmt::format("has more than {} files", limits.files));
  if (bytes > limits.bytes - bytes_) fail(fmt::format("has more than {} bytes", limits.bytes));
  bytes_ += bytes;
  files_.push_back({path, bytes});
}

void WeightTree::list_folder(const WeightTreeLimits& limits) {
  try {
    for (auto entry = fs::recursive_directory_iterator(root_); entry != fs::end(entry); ++entry) {
      const std::string path = entry->path().lexically_relative(root_).string();
      if (entry->is_symlink() && fs::is_directory(entry->status()))
        fail(fmt::format("'{}' is a link to a folder: copy its files", printable(path)));
      if (entry->is_directory()) {
        if (is_hidden(entry->path().filename().string()) && leave_out(path))
          entry.disable_recursion_pending();
        continue;
      }
      if (!entry->is_regular_file()) fail(fmt::format("'{}' is no regular file", printable(path)));
      add(path, entry->file_size(), limits);
    }
  } catch (const fs::filesystem_error& error) {
    fail(fmt::format("cannot be read: {}", error.code().message()));
  }
}

void WeightTree::list_archive(const WeightTreeLimits& limits) {
  const FileBytes bytes = map_file(root_);
  const std::string_view start(reinterpret_cast<const char*>(bytes.data.data()),
                               std::min<std::size_t>(bytes.data.size(), 2));
  if (start != "PK") fail("is neither a folder nor a zip archive");
  archive_ = std::make_shared<const ZipArchive>(ZipArchive::open(bytes));
  prefix_ = model_prefix(*archive_).value_or("");
  for (const auto& [name, entry] : archive_->entries()) {
    const unsigned type = entry.unix_mode & S_IFMT;
    const bool folder = name.ends_with('/');
    // All names are looked at, those beside the model's folder too: they tell what the archive is.
    const std::string whole = folder ? name.substr(0, name.size() - 1) : name;
    if (const std::string problem = problem_of(whole); !problem.empty())
      fail(fmt::format("the path '{}' {}", printable(name), problem));
    if (type != 0 && type != (folder ? S_IFDIR : S_IFREG))
      fail(fmt::format("'{}' is a link or another special file", printable(name)));
    if (folder) continue;
    if (name.starts_with(prefix_))
      add(name.substr(prefix_.size()), entry.plain_bytes, limits);
    else
      left_out_.push_back(name);
  }
  if (bytes_ > free_unpacked && bytes_ / most_packed > bytes.data.size())
    fail(fmt::format("{} bytes would unpack to {}, more than is allowed", bytes.data.size(),
                     bytes_));
}

void WeightTree::sort_and_check() {
  if (files_.empty()) fail("holds no files");
  std::ranges::sort(files_, {}, &File::path);
  std::set<std::string> folders;
  for (const File& file : files_)
    for (std::size_t at = file.path.find('/'); at != std::string::npos;
         at = file.path.find('/', at + 1))
      folders.insert(file.path.substr(0, at));
  for (const File& file : files_)
    if (folders.contains(file.path))
      fail(fmt::format("'{}' is a file and a folder", printable(file.path)));
}

bool WeightTree::has_model() const {
  return std::ranges::any_of(files_, [](const File& f) { return f.path == "model_index.json"; });
}

void WeightTree::read(const File& file,
                      const std::function<void(std::span<const std::byte>)>& take) const {
  if (archive_) return archive_->read(prefix_ + file.path, take);
  std::ifstream in(root_ / file.path, std::ios::binary);
  std::vector<char> buffer(1 << 20);
  std::uint64_t left = file.bytes;
  while (in && left > 0) {
    in.read(buffer.data(), static_cast<std::streamsize>(std::min<std::uint64_t>(left, 1 << 20)));
    const auto got = static_cast<std::size_t>(in.gcount());
    take(std::as_bytes(std::span(buffer)).first(got));
    left -= got;
  }
  if (!in.is_open() || in.bad()) fail(fmt::format("'{}' cannot be read", printable(file.path)));
  if (left > 0 || in.peek() != std::ifstream::traits_type::eof())
    fail(fmt::format("'{}' changed while it was read", printable(file.path)));
}

}  // namespace dream::weights
