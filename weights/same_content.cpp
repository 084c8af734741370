#include "weights/same_content.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <tuple>

namespace dream::weights {
namespace fs = std::filesystem;

bool same_content(const WeightMap& a, const WeightMap& b) {
  const auto alike = [](const auto& left, const auto& right) {
    return left.first == right.first && left.second.dtype == right.second.dtype &&
           left.second.shape == right.second.shape &&
           left.second.bytes.size() == right.second.bytes.size();
  };
  if (!std::equal(a.begin(), a.end(), b.begin(), b.end(), alike)) return false;
  return std::equal(a.begin(), a.end(), b.begin(), [](const auto& left, const auto& right) {
    const auto& [x, y] = std::tie(left.second, right.second);
    const bool same =
        x.bytes.empty() || std::memcmp(x.bytes.data(), y.bytes.data(), x.bytes.size()) == 0;
    release_pages(x);
    release_pages(y);
    return same;
  });
}

FileState::FileState(const fs::path& path) : path_(path) {
  struct stat status{};
  there_ = ::stat(path.c_str(), &status) == 0;
  device_ = status.st_dev;
  inode_ = status.st_ino;
  bytes_ = static_cast<std::uint64_t>(status.st_size);
  written_s_ = status.st_mtim.tv_sec;
  written_ns_ = status.st_mtim.tv_nsec;
}

bool FileState::was_rewritten() const {
  const FileState now(path_);
  const bool same_file = now.there_ && now.device_ == device_ && now.inode_ == inode_;
  return !there_ || (same_file && (now.bytes_ != bytes_ || now.written_s_ != written_s_ ||
                                   now.written_ns_ != written_ns_));
}

std::string FileState::text() const {
  return fmt::format("{}|{}|{}|{}|{}.{:09}", path_.string(), device_, inode_, bytes_, written_s_,
                     written_ns_);
}

std::string fingerprint(const fs::path& place) {
  std::vector<std::string> lines;
  std::error_code error;
  if (fs::is_directory(place, error)) {
    for (const auto& entry : fs::recursive_directory_iterator(place, error)) {
      if (entry.is_regular_file(error)) lines.push_back(FileState(entry.path()).text());
    }
  }
  std::ranges::sort(lines);
  std::string all = fs::is_directory(place, error) ? place.string() : FileState(place).text();
  for (const auto& line : lines) all += '\n' + line;
  return all;
}

}  // namespace dream::weights
