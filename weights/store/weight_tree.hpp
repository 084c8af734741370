// The files of a model as a tree of plain paths, whether they lie in a folder or in an output.zip:
// what becomes the weights layer of an image. Equal files give the same tree from both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace dream::weights {

class ZipArchive;

struct WeightTreeLimits {
  std::size_t files = 10'000;
  std::uint64_t bytes = 256ULL << 30;
};

class WeightTree {
 public:
  struct File {
    std::string path;  // "unet/config.json": UTF-8, plain segments, no leading slash
    std::uint64_t bytes = 0;
  };

  // Of an archive: its root, or the one folder that holds model_index.json. Throws Error naming the
  // path and what is wrong: no files; more than `limits` allow, or than an archive of that size may
  // unpack to; names that lead out of the tree, mean a deletion in a layer (".wh.…") or are not
  // UTF-8; links (in a folder, links to folders) and other special files; a path that is a file and
  // a folder.
  static WeightTree open(const std::filesystem::path& path, const WeightTreeLimits& limits = {});

  // Ordered by path, byte by byte.
  const std::vector<File>& files() const { return files_; }
  std::uint64_t bytes() const { return bytes_; }  // of all files
  // Whether model_index.json lies at the root, which every diffusers pipeline has.
  bool has_model() const;
  // Hidden files and folders, which are no part of a model: ".gitattributes", "__MACOSX".
  const std::vector<std::string>& left_out() const { return left_out_; }

  // Gives the file's bytes piece by piece. Throws Error when it cannot be read, has changed its
  // size, or does not match its checksum in the archive.
  void read(const File& file, const std::function<void(std::span<const std::byte>)>& take) const;

 private:
  explicit WeightTree(std::filesystem::path root) : root_(std::move(root)) {}
  void list_folder(const WeightTreeLimits& limits);
  void list_archive(const WeightTreeLimits& limits);
  bool leave_out(const std::string& path);
  void add(const std::string& path, std::uint64_t bytes, const WeightTreeLimits& limits);
  void sort_and_check();
  [[noreturn]] void fail(const std::string& what) const;

  std::filesystem::path root_;
  std::shared_ptr<const ZipArchive> archive_;  // null for a folder
  std::string prefix_;                         // of the entries in it
  std::vector<File> files_;
  std::vector<std::string> left_out_;
  std::uint64_t bytes_ = 0;
};

}  // namespace dream::weights
