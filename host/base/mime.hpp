// Media types by file extension and back: what data URLs, uploads and downloads are labelled with.
#pragma once

#include <filesystem>
#include <string_view>

namespace dream::host {

// "image/png" for "a/b.PNG"; "application/octet-stream" for an unknown extension.
std::string_view media_type_of(const std::filesystem::path& file);

// ".png" for "image/png" (parameters after ';' and case do not matter); "" for an unknown type.
std::string_view extension_of(std::string_view media_type);

}  // namespace dream::host
