// The types that inputs and outputs may have, and their conversion from and to values of the C ABI.
// Inputs: a scalar (std::string, integers, double, bool, File, Secret, Json), std::vector of one,
// std::variant of plain scalars (a union), and std::optional of any of these (may be absent).
#pragma once

#include <concepts>
#include <cstdint>
#include <dream/status.hpp>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace dream {

// A local file. As an input it is the run's own copy, readable until run() returns.
struct File {
  std::string path;
};

// Any JSON document, serialised. Parse it with the library of your choice.
struct Json {
  std::string text;
};

// A value that must never be shown: it has no text form, only reveal().
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  const std::string& reveal() const noexcept { return value_; }

 private:
  std::string value_;
};
template <class Stream>
Stream& operator<<(Stream&, const Secret&) = delete;  // a secret is not printed

namespace detail {

// char types are text, not numbers; bool is its own type.
template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
                  !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                  !std::same_as<T, char16_t> && !std::same_as<T, char32_t> &&
                  !std::same_as<T, unsigned long> && !std::same_as<T, unsigned long long>;

// ABI type of a scalar; DREAM_NULL if T is none.
template <class T>
consteval dream_type scalar_type() {
  if constexpr (std::same_as<T, bool>)
    return DREAM_BOOLEAN;
  else if constexpr (Integer<T>)
    return DREAM_INTEGER;
  else if constexpr (std::same_as<T, double> || std::same_as<T, float>)
    return DREAM_NUMBER;
  else if constexpr (std::same_as<T, std::string>)
    return DREAM_STRING;
  else if constexpr (std::same_as<T, File>)
    return DREAM_FILE;
  else if constexpr (std::same_as<T, Secret>)
    return DREAM_SECRET;
  else if constexpr (std::same_as<T, Json>)
    return DREAM_JSON;
  else
    return DREAM_NULL;
}

template <class T>
concept Scalar = scalar_type<T>() != DREAM_NULL;
template <class T>
concept PlainScalar = Scalar<T> && !std::same_as<T, File> && !std::same_as<T, Secret>;

// How a member type is declared: element type, list or not, nullable or not, union or not.
template <class T>
struct Shape {
  using Element = T;
  static constexpr bool valid = Scalar<T>;
  static constexpr bool list = false;
  static constexpr bool nullable = false;
  static constexpr bool any_of = false;
  static constexpr uint32_t type = scalar_type<T>();
  static constexpr uint32_t types = 1U << scalar_type<T>();  // one bit per possible type
};

template <class... T>
struct Shape<std::variant<T...>> {
  using Element = std::variant<T...>;
  static constexpr uint32_t types = ((1U << scalar_type<T>()) | ...);
  static constexpr bool valid =
      (PlainScalar<T> && ...) && __builtin_popcount(types) == static_cast<int>(sizeof...(T));
  static constexpr bool list = false;
  static constexpr bool nullable = false;
  static constexpr bool any_of = true;
  static constexpr uint32_t type = scalar_type<std::variant_alternative_t<0, Element>>();
};

template <class T>
struct Shape<std::vector<T>> : Shape<T> {
  static constexpr bool valid = Shape<T>::valid && !Shape<T>::list && !Shape<T>::nullable;
  static constexpr bool list = true;
};

template <class T>
struct Shape<std::optional<T>> : Shape<T> {
  static constexpr bool valid = Shape<T>::valid && !Shape<T>::nullable;
  static constexpr bool nullable = true;
};

// A view of one scalar; texts stay where they are.
template <Scalar T>
dream_value make_value(const T& scalar) noexcept {
  dream_value value{};
  value.struct_size = sizeof value;
  value.type = scalar_type<T>();
  if constexpr (std::same_as<T, bool>)
    value.as.boolean = scalar ? 1 : 0;
  else if constexpr (Integer<T>)
    value.as.integer = scalar;
  else if constexpr (std::floating_point<T>)
    value.as.number = scalar;
  else if constexpr (std::same_as<T, std::string>)
    value.as.string = view(scalar);
  else if constexpr (std::same_as<T, File>)
    value.as.string = view(scalar.path);
  else if constexpr (std::same_as<T, Json>)
    value.as.string = view(scalar.text);
  else
    value.as.string = view(scalar.reveal());
  return value;
}

inline dream_value make_value(std::string_view text) noexcept {
  dream_value value{};
  value.struct_size = sizeof value;
  value.type = DREAM_STRING;
  value.as.string = view(text);
  return value;
}

[[noreturn]] inline void throw_type(std::string_view input, uint32_t type) {
  throw Error("input \"" + std::string(input) + "\": the host sent a value of type " +
              std::to_string(type) + ", which is not the declared one");
}

// The value as T. Throws InvalidInput for an integer T cannot hold, Error for another type than the
// declared one.
template <Scalar T>
T read_scalar(const dream_value& value, std::string_view input) {
  constexpr uint32_t type = scalar_type<T>();
  if constexpr (type == DREAM_NUMBER) {
    if (value.type == DREAM_INTEGER) return static_cast<T>(value.as.integer);
  }
  if (value.type != type) throw_type(input, value.type);
  if constexpr (type == DREAM_BOOLEAN) {
    return value.as.boolean != 0;
  } else if constexpr (type == DREAM_INTEGER) {
    if (!std::in_range<T>(value.as.integer)) {
      throw InvalidInput(
          "input \"" + std::string(input) + "\": " + std::to_string(value.as.integer) +
          " is out of range; allowed are " + std::to_string(std::numeric_limits<T>::min()) +
          " to " + std::to_string(std::numeric_limits<T>::max()));
    }
    return static_cast<T>(value.as.integer);
  } else if constexpr (type == DREAM_NUMBER) {
    return static_cast<T>(value.as.number);
  } else {
    return T{std::string(view(value.as.string))};
  }
}

// The first alternative that fits; a whole number may arrive as an integer.
template <class Variant, std::size_t Index = 0>
Variant read_variant(const dream_value& value, std::string_view input) {
  if constexpr (Index == std::variant_size_v<Variant>) {
    throw_type(input, value.type);
  } else {
    using T = std::variant_alternative_t<Index, Variant>;
    constexpr bool has_integer = (Shape<Variant>::types & (1U << DREAM_INTEGER)) != 0;
    const bool whole_number =
        scalar_type<T>() == DREAM_NUMBER && value.type == DREAM_INTEGER && !has_integer;
    if (value.type == scalar_type<T>() || whole_number) {
      return Variant(std::in_place_index<Index>, read_scalar<T>(value, input));
    }
    return read_variant<Variant, Index + 1>(value, input);
  }
}

template <class T>
T read_element(const dream_value& value, std::string_view input) {
  if constexpr (Shape<T>::any_of)
    return read_variant<T>(value, input);
  else
    return read_scalar<T>(value, input);
}

// Fills one member from what the host sent; null means absent.
template <class T>
struct Reader {
  static T read(const dream_value* value, std::string_view input) {
    if (value == nullptr) throw_type(input, DREAM_NULL);
    return read_element<T>(*value, input);
  }
};

template <class T>
struct Reader<std::vector<T>> {
  static std::vector<T> read(const dream_value* value, std::string_view input) {
    if (value == nullptr) throw_type(input, DREAM_NULL);
    if (value->type != DREAM_LIST) throw_type(input, value->type);
    std::vector<T> items;
    items.reserve(value->as.items.size);
    for (std::size_t i = 0; i < value->as.items.size; ++i) {
      items.push_back(read_element<T>(*value->as.items.data[i], input));
    }
    return items;
  }
};

template <class T>
struct Reader<std::optional<T>> {
  static std::optional<T> read(const dream_value* value, std::string_view input) {
    if (value == nullptr || value->type == DREAM_NULL) return std::nullopt;
    return Reader<T>::read(value, input);
  }
};

}  // namespace detail
}  // namespace dream
