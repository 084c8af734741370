// A cursor over untrusted little-endian bytes: every read is bounds-checked, so format code can be
// written straight down.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>

namespace dream::weights {

class ByteReader {
 public:
  // What a read past the end throws; the caller adds file and position.
  struct EndOfData : std::runtime_error {
    EndOfData() : std::runtime_error("unexpected end of data") {}
  };

  explicit ByteReader(std::span<const std::byte> data, std::size_t position = 0)
      : data_(data), position_(position) {
    if (position > data.size()) throw EndOfData();
  }

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return data_.size() - position_; }

  std::span<const std::byte> bytes(std::uint64_t count) {
    if (count > remaining()) throw EndOfData();
    const auto view = data_.subspan(position_, static_cast<std::size_t>(count));
    position_ += static_cast<std::size_t>(count);
    return view;
  }

  std::string_view text(std::uint64_t count) {
    const auto view = bytes(count);
    return {reinterpret_cast<const char*>(view.data()), view.size()};
  }

  // Text up to the next newline, which is consumed but not returned.
  std::string_view line() {
    const std::string_view rest(reinterpret_cast<const char*>(data_.data()) + position_,
                                remaining());
    const std::size_t length = rest.find('\n');
    if (length == std::string_view::npos) throw EndOfData();
    position_ += length + 1;
    return rest.substr(0, length);
  }

  template <std::unsigned_integral T>
  T number() {
    T value = 0;
    const auto view = bytes(sizeof(T));
    for (std::size_t i = 0; i < sizeof(T); ++i)
      value = static_cast<T>(value | static_cast<T>(static_cast<T>(view[i]) << (8 * i)));
    return value;
  }

 private:
  std::span<const std::byte> data_;
  std::size_t position_;
};

}  // namespace dream::weights
