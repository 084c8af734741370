// JsonWriter: builds a JSON text piece by piece, for dream::Json outputs, so that a template needs
// no JSON library. Commas and escapes are its business, not the template's.
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <dream/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dream {
namespace detail {

// Bytes of the UTF-8 character at the front of `text`; 0 if it is none.
inline std::size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xc2 && lead < 0xe0   ? 2
                             : lead >= 0xe0 && lead < 0xf0 ? 3
                             : lead >= 0xf0 && lead < 0xf5 ? 4
                                                           : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool surrogate = lead == 0xed && byte(1) >= 0xa0;
  const bool too_large = lead == 0xf4 && byte(1) >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

// Appends `text` as a JSON string; bytes that are not UTF-8 become U+FFFD.
inline void append_json_string(std::string& out, std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t length = utf8_length(text);
    const std::size_t escape = std::string_view("\"\\\n\r\t\b\f").find(c);
    if (escape != std::string_view::npos) {
      out += '\\';
      out += "\"\\nrtbf"[escape];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += digits[c >> 4];
      out += digits[c & 15];
    } else if (length == 0) {
      out += "\xef\xbf\xbd";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

}  // namespace detail

// All functions but text() and json() return *this, so that they chain. Misuse (a value without a
// key, an end without a begin, …) throws Error. One thread at a time.
class JsonWriter {
 public:
  JsonWriter& begin_object() { return begin('{', '}'); }
  JsonWriter& end_object() { return end('}'); }
  JsonWriter& begin_array() { return begin('[', ']'); }
  JsonWriter& end_array() { return end(']'); }

  // The name of an object's next value.
  JsonWriter& key(std::string_view name) {
    if (open_.empty() || open_.back().closer != '}' || has_key_) misuse("a key outside an object");
    separate();
    detail::append_json_string(text_, name);
    text_ += ':';
    has_key_ = true;
    return *this;
  }

  JsonWriter& null() { return raw("null"); }
  JsonWriter& value(std::string_view text) {
    std::string quoted;
    detail::append_json_string(quoted, text);
    return raw(quoted);
  }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(const Json& document) { return raw(document.text); }  // as it is
  JsonWriter& value(const Secret&) = delete;
  template <class Number>
    requires(std::integral<Number> || std::floating_point<Number>)
  JsonWriter& value(Number number) {
    if constexpr (std::same_as<Number, bool>) {
      return raw(number ? "true" : "false");
    } else {
      if constexpr (std::floating_point<Number>) {
        if (!std::isfinite(number)) misuse("a number that is not finite, which JSON cannot say");
      }
      char digits[40];
      const auto [last, error] = std::to_chars(digits, digits + sizeof digits, number);
      return raw(std::string_view(digits, error == std::errc() ? last : digits));
    }
  }
  template <class T>
  JsonWriter& value(const std::optional<T>& maybe) {
    return maybe ? value(*maybe) : null();
  }
  template <class T>
  JsonWriter& value(const std::vector<T>& items) {
    begin_array();
    for (const auto& item : items) value(static_cast<const T&>(item));
    return end_array();
  }

  // key() and value() in one.
  template <class T>
  JsonWriter& member(std::string_view name, const T& item) {
    key(name);
    return value(item);
  }

  // The finished document. Throws Error if something is still open.
  const std::string& text() const {
    if (!open_.empty() || text_.empty()) misuse("a document that is not finished");
    return text_;
  }
  Json json() const { return Json{text()}; }

 private:
  struct Level {
    char closer;
    bool empty = true;
  };

  [[noreturn]] static void misuse(const char* what) {
    throw Error(std::string("JsonWriter: ") + what);
  }
  void separate() {
    if (open_.empty()) return;
    if (!open_.back().empty) text_ += ',';
    open_.back().empty = false;
  }
  void place() {  // before a value
    if (open_.empty() && !text_.empty()) misuse("a second value after the document's end");
    if (!open_.empty() && open_.back().closer == '}' && !has_key_) misuse("a value without a key");
    if (!has_key_) separate();
    has_key_ = false;
  }
  JsonWriter& raw(std::string_view text) {
    place();
    text_ += text;
    return *this;
  }
  JsonWriter& begin(char opener, char closer) {
    place();
    text_ += opener;
    open_.push_back({closer});
    return *this;
  }
  JsonWriter& end(char closer) {
    if (open_.empty() || open_.back().closer != closer || has_key_) misuse("an end too many");
    text_ += closer;
    open_.pop_back();
    return *this;
  }

  std::string text_;
  std::vector<Level> open_;
  bool has_key_ = false;
};

}  // namespace dream
