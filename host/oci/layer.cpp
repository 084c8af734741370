#include "host/oci/layer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "host/oci/archive_writer.hpp"
#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

// "a/" and "a/b/" of "a/b/c". With their slash, folders sort right before what is in them.
std::set<std::string> folders_of(const std::vector<LayerFile>& files) {
  std::set<std::string> folders;
  for (const LayerFile& file : files)
    for (std::size_t at = file.path.find('/'); at != std::string::npos;
         at = file.path.find('/', at + 1))
      folders.insert(file.path.substr(0, at + 1));
  return folders;
}

}  // namespace

Layer write_layer(std::vector<LayerFile> files, Compression compression, const Take& out,
                  const Control& control, const std::string& step) {
  std::ranges::sort(files, {}, &LayerFile::path);
  std::uint64_t total = 0, done = 0;
  for (const LayerFile& file : files) total += file.bytes;

  Layer layer;
  layer.compression = compression;
  Sha256 plain, written;
  const Take deliver = [&](std::span<const std::byte> piece) {
    if (compression != Compression::none) written.update(piece);
    layer.bytes += piece.size();
    out(piece);
  };
  std::optional<ArchiveWriter> compressor;
  if (compression != Compression::none)
    compressor = ArchiveWriter::compressor(compression, deliver);
  ArchiveWriter tar = ArchiveWriter::tar([&](std::span<const std::byte> piece) {
    plain.update(piece);
    compressor ? compressor->write(piece) : deliver(piece);
  });

  const std::set<std::string> folders = folders_of(files);
  auto folder = folders.begin();
  for (const LayerFile& file : files) {
    for (; folder != folders.end() && *folder < file.path; ++folder) tar.add_folder(*folder);
    tar.add_file(file.path, file.bytes);
    std::uint64_t left = file.bytes;
    file.read([&](std::span<const std::byte> piece) {
      control.check();
      if (piece.size() > left)
        throw Error(fmt::format("{}: gave more than its {} bytes", file.path, file.bytes));
      left -= piece.size();
      tar.write(piece);
      done += piece.size();
      control.tell(step, done, total);
    });
    if (left > 0)
      throw Error(fmt::format("{}: gave fewer than its {} bytes", file.path, file.bytes));
  }
  tar.finish();
  if (compressor) compressor->finish();
  layer.diff_id = plain.finish();
  layer.digest = compressor ? written.finish() : layer.diff_id;
  return layer;
}

}  // namespace dream::host::oci
