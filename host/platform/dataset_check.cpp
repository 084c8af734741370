#include "host/platform/dataset_check.hpp"

#include <fmt/format.h>

#include <array>
#include <exception>
#include <string_view>

#include "weights/store/zip_listing.hpp"

namespace dream::host {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array pictures{"\x89PNG\r\n\x1a\n"sv, "\xff\xd8\xff"sv, "GIF8"sv, "BM"sv,
                              "II*\0"sv,             "MM\0*"sv,        "\0\0\1\0"sv};

bool is_picture(std::string_view bytes) {
  if (bytes.starts_with("RIFF"sv) && bytes.substr(0, 12).ends_with("WEBP"sv)) return true;
  // HEIF and AVIF: an "ftyp" box first.
  if (bytes.size() > 12 && bytes.substr(4, 4) == "ftyp"sv) return true;
  for (const auto start : pictures) {
    if (bytes.starts_with(start)) return true;
  }
  return false;
}

bool is_hidden(std::string_view name) {
  return name.starts_with('.') || name.find("/.") != std::string_view::npos ||
         name.find("__MACOSX") != std::string_view::npos;
}

}  // namespace

std::string dataset_problem(const std::filesystem::path& path, const DatasetLimits& limits) {
  std::size_t files = 0, found = 0;
  std::uint64_t bytes = 0;
  try {
    weights::list_zip(path, [&](const weights::ZipMember& member) {
      if (member.is_folder) return;
      bytes += member.plain_bytes;
      if (++files > limits.most_files)
        throw std::runtime_error(
            fmt::format("it has more than {} files", limits.most_files));
      if (bytes > limits.most_bytes)
        throw std::runtime_error(
            fmt::format("it unpacks to more than {} bytes", limits.most_bytes));
      if (!is_hidden(member.name) && is_picture(member.read())) ++found;
    });
  } catch (const std::exception& error) {
    return fmt::format("it cannot be used as a zip archive of pictures: {}", error.what());
  }
  if (found < limits.least_pictures)
    return fmt::format("it has {} picture{} (PNG, JPEG, WebP, GIF, BMP, TIFF, HEIF) among {} files,"
                       " at least {} are needed",
                       found, found == 1 ? "" : "s", files, limits.least_pictures);
  return "";
}

}  // namespace dream::host
