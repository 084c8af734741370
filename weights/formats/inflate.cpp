#include "weights/formats/inflate.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace dream::weights {
namespace {

constexpr int longest_code = 15;
constexpr int end_of_block = 256;
constexpr std::size_t furthest_back = 32768;         // that a reference may reach
constexpr std::size_t piece_bytes = 8 * furthest_back;  // that are handed out at a time

// Least significant bit first.
class BitReader {
 public:
  explicit BitReader(std::span<const std::byte> data) : data_(data) {}

  std::uint32_t bits(int count) {
    while (held_ < count) {
      if (position_ == data_.size()) throw InflateError("ends inside its compressed data");
      buffer_ |= static_cast<std::uint64_t>(data_[position_++]) << held_;
      held_ += 8;
    }
    const auto value = static_cast<std::uint32_t>(buffer_ & ((std::uint64_t{1} << count) - 1));
    buffer_ >>= count;
    held_ -= count;
    return value;
  }

  // From the next whole byte on.
  std::span<const std::byte> bytes(std::size_t count) {
    position_ -= static_cast<std::size_t>(held_ / 8);
    buffer_ = 0;
    held_ = 0;
    if (count > data_.size() - position_) throw InflateError("ends inside its compressed data");
    position_ += count;
    return data_.subspan(position_ - count, count);
  }

 private:
  std::span<const std::byte> data_;
  std::size_t position_ = 0;
  std::uint64_t buffer_ = 0;
  int held_ = 0;
};

// A canonical Huffman code: how many codes of each length, and the symbols in code order.
class HuffmanCode {
 public:
  explicit HuffmanCode(std::span<const std::uint8_t> lengths) : symbols_(lengths.size()) {
    for (const std::uint8_t length : lengths) ++counts_[length];
    counts_[0] = 0;
    int left = 1;
    std::array<int, longest_code + 2> offsets{};
    for (int length = 1; length <= longest_code; ++length) {
      left = 2 * left - counts_[length];
      if (left < 0) throw InflateError("has a code with too many symbols");
      offsets[length + 1] = offsets[length] + counts_[length];
    }
    for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
      if (lengths[symbol] != 0)
        symbols_[offsets[lengths[symbol]]++] = static_cast<std::uint16_t>(symbol);
    }
  }

  int read(BitReader& reader) const {
    int code = 0;
    int first = 0;
    int index = 0;
    for (int length = 1; length <= longest_code; ++length) {
      code |= static_cast<int>(reader.bits(1));
      if (code - first < counts_[length]) return symbols_[index + code - first];
      index += counts_[length];
      first = (first + counts_[length]) << 1;
      code <<= 1;
    }
    throw InflateError("has a code that no symbol has");
  }

 private:
  std::array<int, longest_code + 1> counts_{};
  std::vector<std::uint16_t> symbols_;
};

constexpr std::array<std::uint16_t, 29> length_bases = {3,  4,  5,  6,  7,  8,  9,  10,  11,  13,
                                                        15, 17, 19, 23, 27, 31, 35, 43,  51,  59,
                                                        67, 83, 99, 115, 131, 163, 195, 227, 258};
constexpr std::array<std::uint8_t, 29> length_bits = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                                      2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
constexpr std::array<std::uint16_t, 30> distance_bases = {
    1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
    193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

using Take = std::function<void(std::span<const std::byte>)>;

class Inflater {
 public:
  // With `take` the buffer holds what references may reach and one piece more; without, all.
  Inflater(std::span<const std::byte> data, std::uint64_t plain_bytes, const Take& take)
      : reader_(data), take_(take), left_(plain_bytes) {
    const std::uint64_t room = furthest_back + piece_bytes;
    out_.resize(static_cast<std::size_t>(take ? std::min(plain_bytes, room) : plain_bytes));
  }

  std::vector<std::byte> run() {
    bool last = false;
    while (!last) {
      last = reader_.bits(1) == 1;
      switch (reader_.bits(2)) {
        case 0:
          stored();
          break;
        case 1:
          fixed();
          break;
        case 2:
          dynamic();
          break;
        default:
          throw InflateError("has a block of an unknown kind");
      }
    }
    if (left_ != 0) throw InflateError("is shorter than announced");
    if (take_) take_(std::span(out_).subspan(taken_, size_ - taken_));
    return std::move(out_);
  }

 private:
  // Room for `count` bytes more, at most furthest_back.
  void need(std::size_t count) {
    if (count > left_) throw InflateError("is longer than announced");
    left_ -= count;
    if (count <= out_.size() - size_) return;
    take_(std::span(out_).subspan(taken_, size_ - taken_));
    const auto kept = out_.begin() + static_cast<std::ptrdiff_t>(size_ - furthest_back);
    std::copy_n(kept, furthest_back, out_.begin());
    taken_ = size_ = furthest_back;
  }

  void stored() {
    const std::span<const std::byte> header = reader_.bytes(4);
    const auto at = [&](int i) { return static_cast<std::size_t>(header[i]); };
    const std::size_t count = at(0) | at(1) << 8;
    if ((count ^ 0xFFFF) != (at(2) | at(3) << 8))
      throw InflateError("has a damaged stored block");
    std::span<const std::byte> bytes = reader_.bytes(count);
    while (!bytes.empty()) {
      const std::size_t part = std::min(bytes.size(), furthest_back);
      need(part);
      std::copy_n(bytes.begin(), part, out_.begin() + static_cast<std::ptrdiff_t>(size_));
      size_ += part;
      bytes = bytes.subspan(part);
    }
  }

  void fixed() {
    std::array<std::uint8_t, 288> lengths{};
    for (std::size_t i = 0; i < lengths.size(); ++i)
      lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    std::array<std::uint8_t, 30> distances{};
    distances.fill(5);
    block(HuffmanCode(lengths), HuffmanCode(distances));
  }

  void dynamic() {
    constexpr std::array<std::uint8_t, 19> order = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                    11, 4,  12, 3, 13, 2, 14, 1, 15};
    const std::size_t literals = reader_.bits(5) + 257;
    const std::size_t distances = reader_.bits(5) + 1;
    const std::size_t used = reader_.bits(4) + 4;
    if (literals > 286 || distances > 30) throw InflateError("has a code with too many symbols");
    std::array<std::uint8_t, 19> meta{};
    for (std::size_t i = 0; i < used; ++i)
      meta[order[i]] = static_cast<std::uint8_t>(reader_.bits(3));
    const HuffmanCode code(meta);
    std::vector<std::uint8_t> lengths;
    while (lengths.size() < literals + distances) {
      const int symbol = code.read(reader_);
      if (symbol < 16) {
        lengths.push_back(static_cast<std::uint8_t>(symbol));
        continue;
      }
      if (symbol == 16 && lengths.empty()) throw InflateError("repeats a length before the first");
      const std::uint8_t value = symbol == 16 ? lengths.back() : 0;
      const std::uint32_t times = symbol == 16   ? 3 + reader_.bits(2)
                                  : symbol == 17 ? 3 + reader_.bits(3)
                                                 : 11 + reader_.bits(7);
      lengths.insert(lengths.end(), times, value);
    }
    if (lengths.size() != literals + distances) throw InflateError("has too many code lengths");
    const std::span<const std::uint8_t> all(lengths);
    block(HuffmanCode(all.first(literals)), HuffmanCode(all.subspan(literals)));
  }

  void block(const HuffmanCode& literals, const HuffmanCode& distances) {
    for (;;) {
      const int symbol = literals.read(reader_);
      if (symbol == end_of_block) return;
      if (symbol < end_of_block) {
        need(1);
        out_[size_++] = static_cast<std::byte>(symbol);
        continue;
      }
      const std::size_t kind = static_cast<std::size_t>(symbol) - end_of_block - 1;
      if (kind >= length_bases.size()) throw InflateError("has a length that does not exist");
      const std::size_t length = length_bases[kind] + reader_.bits(length_bits[kind]);
      const auto place = static_cast<std::size_t>(distances.read(reader_));
      const int extra = place < 2 ? 0 : static_cast<int>(place / 2) - 1;
      const std::size_t distance = distance_bases[place] + reader_.bits(extra);
      if (distance > size_) throw InflateError("refers to what lies before its start");
      need(length);
      for (std::size_t i = 0; i < length; ++i, ++size_) out_[size_] = out_[size_ - distance];
    }
  }

  BitReader reader_;
  const Take& take_;
  std::uint64_t left_;  // bytes that are still to come
  std::vector<std::byte> out_;
  std::size_t size_ = 0;   // of what is in out_
  std::size_t taken_ = 0;  // of it, what was handed out
};

}  // namespace

std::vector<std::byte> inflate(std::span<const std::byte> data, std::size_t plain_bytes) {
  const Take keep_all;
  return Inflater(data, plain_bytes, keep_all).run();
}

void inflate(std::span<const std::byte> data, std::uint64_t plain_bytes, const Take& take) {
  Inflater(data, plain_bytes, take).run();
}

}  // namespace dream::weights
