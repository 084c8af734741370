#include "host/base/mime.hpp"

#include <string>

#include "host/base/text.hpp"

namespace dream::host {
namespace {

struct Entry {
  std::string_view extension;
  std::string_view type;
};

// The first extension of a type is the one that extension_of() gives.
constexpr Entry entries[] = {
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".webp", "image/webp"},
    {".gif", "image/gif"},
    {".bmp", "image/bmp"},
    {".tif", "image/tiff"},
    {".tiff", "image/tiff"},
    {".avif", "image/avif"},
    {".svg", "image/svg+xml"},
    {".ico", "image/x-icon"},
    {".txt", "text/plain"},
    {".log", "text/plain"},
    {".py", "text/plain"},
    {".xml", "text/xml"},
    {".csv", "text/csv"},
    {".html", "text/html"},
    {".htm", "text/html"},
    {".css", "text/css"},
    {".js", "text/javascript"},
    {".md", "text/markdown"},
    {".json", "application/json"},
    {".pdf", "application/pdf"},
    {".zip", "application/zip"},
    {".tar", "application/x-tar"},
    {".gz", "application/gzip"},
    {".jar", "application/java-archive"},
    {".wav", "audio/wav"},
    {".mp3", "audio/mpeg"},
    {".ogg", "audio/ogg"},
    {".flac", "audio/flac"},
    {".mp4", "video/mp4"},
    {".webm", "video/webm"},
    {".mov", "video/quicktime"},
    {".glb", "model/gltf-binary"},
    {".bin", "application/octet-stream"},
};

}  // namespace

std::string_view media_type_of(const std::filesystem::path& file) {
  const std::string extension = lower(file.extension().string());
  for (const Entry& entry : entries)
    if (entry.extension == extension) return entry.type;
  return "application/octet-stream";
}

std::string_view extension_of(std::string_view media_type) {
  media_type = media_type.substr(0, media_type.find(';'));
  while (!media_type.empty() && media_type.back() == ' ') media_type.remove_suffix(1);
  while (!media_type.empty() && media_type.front() == ' ') media_type.remove_prefix(1);
  const std::string wanted = lower(media_type);
  for (const Entry& entry : entries)
    if (entry.type == wanted) return entry.extension;
  return "";
}

}  // namespace dream::host
