#include "weights/formats/safetensors_header.hpp"

#include <fmt/core.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "weights/formats/text.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights {
namespace {

constexpr std::size_t max_rank = 64;

// Accepts exactly {"name": {"dtype": "…", "shape": […], "data_offsets": [a, b]}, …} and the
// optional
// "__metadata__": {"key": "text", …}.
class HeaderEvents {
 public:
  using Json = nlohmann::json;

  HeaderEvents(SafetensorsHeader& header, std::string_view file) : header_(header), file_(file) {}

  bool null() { unexpected("null"); }
  bool boolean(bool) { unexpected("a boolean"); }
  bool number_float(double, const std::string&) { unexpected("a fraction or a too large number"); }
  bool binary(Json::binary_t&) { unexpected("binary data"); }
  bool number_integer(std::int64_t value) {
    unexpected(fmt::format("the negative number {}", value));
  }

  bool number_unsigned(std::uint64_t value) {
    SafetensorsEntry& entry = current();
    if (place_ == Place::shape) {
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        fail(fmt::format("dimension {} of {} is too large", value, what()));
      if (entry.shape.size() == max_rank)
        fail(fmt::format("{} has more than {} dimensions", what(), max_rank));
      entry.shape.push_back(static_cast<std::int64_t>(value));
    } else if (place_ == Place::offsets) {
      if (offset_count_ == 2) fail(fmt::format("data_offsets of {} holds more than two", what()));
      entry.offsets[offset_count_++] = value;
    } else {
      unexpected("a number");
    }
    return true;
  }

  bool string(std::string& value) {
    if (place_ == Place::metadata) {
      header_.metadata[key_] = std::move(value);
    } else if (place_ == Place::tensor && key_ == "dtype") {
      current().dtype = std::move(value);
    } else {
      unexpected("a string");
    }
    return true;
  }

  bool start_object(std::size_t) {
    if (place_ == Place::start) {
      place_ = Place::root;
    } else if (place_ == Place::root) {
      fields_.clear();
      offset_count_ = 0;
      place_ = key_ == "__metadata__" ? Place::metadata : Place::tensor;
      if (place_ == Place::tensor) header_.entries.push_back({key_, {}, {}, {}});
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool key(std::string& value) {
    std::unordered_set<std::string>& seen = place_ == Place::root ? names_ : fields_;
    if (!seen.insert(value).second)
      fail(fmt::format("'{}' appears twice in {}", printable(value), what()));
    if (place_ == Place::tensor && value != "dtype" && value != "shape" && value != "data_offsets")
      fail(fmt::format("unknown field '{}' in {}", printable(value), what()));
    key_ = std::move(value);
    return true;
  }

  bool end_object() {
    if (place_ == Place::tensor) {
      for (const char* field : {"dtype", "shape", "data_offsets"}) {
        if (!fields_.contains(field)) fail(fmt::format("{} has no '{}'", what(), field));
      }
    }
    place_ = Place::root;
    return true;
  }

  bool start_array(std::size_t) {
    if (place_ == Place::tensor && key_ == "shape") {
      place_ = Place::shape;
    } else if (place_ == Place::tensor && key_ == "data_offsets") {
      place_ = Place::offsets;
    } else {
      unexpected("an array");
    }
    return true;
  }

  bool end_array() {
    if (place_ == Place::offsets && offset_count_ != 2)
      fail(fmt::format("data_offsets of {} holds {} numbers, expected two", what(), offset_count_));
    place_ = Place::tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception&) {
    fail(fmt::format("header is not valid JSON at byte {}", position));
  }

 private:
  enum class Place { start, root, metadata, tensor, shape, offsets };

  SafetensorsEntry& current() {
    if (header_.entries.empty()) unexpected("a number");
    return header_.entries.back();
  }

  std::string what() const {
    if (place_ == Place::metadata) return "__metadata__";
    if (place_ == Place::start || place_ == Place::root || header_.entries.empty()) return "header";
    return fmt::format("tensor '{}'", printable(header_.entries.back().name));
  }

  [[noreturn]] void fail(const std::string& message) const {
    throw Error(fmt::format("{}: {}", file_, message));
  }
  [[noreturn]] void unexpected(std::string_view found) const {
    fail(fmt::format("unexpected {} at '{}' in {}", found, printable(key_), what()));
  }

  SafetensorsHeader& header_;
  std::string_view file_;
  Place place_ = Place::start;
  std::string key_;
  std::unordered_set<std::string> names_;   // keys of the root object
  std::unordered_set<std::string> fields_;  // keys of the object inside it
  std::size_t offset_count_ = 0;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, std::string_view file) {
  // The JSON parser takes a zero byte for the end of its input; here it can only be a defect.
  if (const std::size_t zero = json.find('\0'); zero != std::string_view::npos)
    throw Error(fmt::format("{}: header is not valid JSON at byte {}", file, zero));
  SafetensorsHeader header;
  HeaderEvents events(header, file);
  nlohmann::json::sax_parse(json.begin(), json.end(), &events);
  return header;
}

}  // namespace dream::weights
