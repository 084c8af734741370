#include "host/oci/image_name.hpp"

#include <fmt/format.h>

#include "host/base/text.hpp"
#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

bool is_path(std::string_view text) {
  std::error_code ignored;
  return text.starts_with('/') || text.starts_with("./") || text.starts_with("../") ||
         std::filesystem::exists(parse_layout_name(text).path, ignored);
}

}  // namespace

LayoutName parse_layout_name(std::string_view text) {
  if (text.starts_with("oci:")) text.remove_prefix(4);
  if (text.empty() || text.find('\0') != std::string_view::npos)
    throw InputError(fmt::format("'{}' is no path of a layout", valid_utf8(text)));
  LayoutName name;
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    name.digest = Digest::parse(text.substr(at + 1));
    if (name.digest) text = text.substr(0, at);
  }
  const std::size_t colon = text.rfind(':');
  const std::size_t slash = text.rfind('/');
  const bool has_tag = colon != std::string_view::npos && colon > 0 &&
                       (slash == std::string_view::npos || slash < colon);
  if (has_tag) {
    name.tag = text.substr(colon + 1);
    if (!is_tag(name.tag))
      throw InputError(
          fmt::format("'{}': '{}' is no tag: up to 128 letters, digits, '_', '.' and "
                      "'-', not beginning with '.' or '-'",
                      valid_utf8(text), valid_utf8(name.tag)));
    text = text.substr(0, colon);
  }
  name.path = text;
  return name;
}

ImageName parse_image_name(std::string_view text) {
  if (text.starts_with("docker://")) return {parse_reference(text.substr(9)), std::nullopt};
  if (text.starts_with("oci:")) return {std::nullopt, parse_layout_name(text)};
  if (begins_with_registry(text) && !is_path(text)) return {parse_reference(text), std::nullopt};
  return {std::nullopt, parse_layout_name(text)};
}

std::string ImageName::text() const {
  if (registry) return registry->text();
  return fmt::format("{}{}{}", layout->path.string(), layout->tag.empty() ? "" : ":" + layout->tag,
                     layout->digest ? "@" + layout->digest->text() : "");
}

}  // namespace dream::host::oci
