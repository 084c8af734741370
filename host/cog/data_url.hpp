// data: URLs, how files travel inside JSON in both directions.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace dream::host {

struct DataUrl {
  std::string media_type;  // "text/plain" if the URL names none
  std::string bytes;
};

bool is_data_url(std::string_view text);

// Takes base64 and percent form, with any parameters. Throws std::invalid_argument saying what is
// wrong with it (never quoting the payload).
DataUrl parse_data_url(std::string_view url);

// "data:image/png;base64,…" of a file. Throws std::runtime_error if it cannot be read.
std::string file_to_data_url(const std::filesystem::path& file, std::string_view media_type);

}  // namespace dream::host
