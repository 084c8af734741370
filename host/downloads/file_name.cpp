#include "host/downloads/file_name.hpp"

#include "host/base/text.hpp"

namespace dream::host {
namespace {

// One safe segment, or "".
std::string safe_name(std::string name) {
  for (char& c : name)
    if (c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20) c = '_';
  if (name.size() > 200) name.erase(0, name.size() - 200);  // keeps the suffix
  return name == "." || name == ".." ? "" : name;
}

std::string decoded_name(std::string_view text) {
  bool utf8 = true;
  std::string name = safe_name(percent_decode(text, utf8));
  return utf8 ? name : "";
}

// The value of `key=`, without quotes and with their escapes undone; "" if it is not there.
std::string parameter(std::string_view header, std::string_view key) {
  const std::string small = lower(header);
  for (std::size_t at = small.find(key); at != std::string::npos; at = small.find(key, at + 1)) {
    if (at > 0 && small[at - 1] != ';' && small[at - 1] != ' ') continue;
    std::string_view rest = header.substr(at + key.size());
    if (!rest.starts_with('"')) return std::string(rest.substr(0, rest.find(';')));
    std::string value;
    for (std::size_t i = 1; i < rest.size() && rest[i] != '"'; ++i) {
      if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
      value += rest[i];
    }
    return value;
  }
  return "";
}

}  // namespace

std::string file_name_of_url(const std::string& url) {
  std::string path = url.substr(0, url.find_first_of("?#"));
  const std::size_t authority = path.find("://");
  if (authority != std::string::npos) {
    const std::size_t slash = path.find('/', authority + 3);
    path = slash == std::string::npos ? "" : path.substr(slash);
  }
  const std::string name = decoded_name(std::string_view(path).substr(path.rfind('/') + 1));
  return name.empty() ? "file" : name;
}

std::string file_name_of_disposition(std::string_view header) {
  const std::string extended = parameter(header, "filename*=");
  if (const std::size_t quote = extended.rfind('\''); quote != std::string::npos) {
    if (std::string name = decoded_name(extended.substr(quote + 1)); !name.empty()) return name;
  }
  const std::string plain = parameter(header, "filename=");
  return safe_name(valid_utf8(plain));
}

}  // namespace dream::host
