// One declared input: what in() returns and what is chained onto it. Every rule is checked against
// the member's type when the template is compiled, and against the other rules by the host.
#pragma once

#include <dream/abi/schema.h>

#include <concepts>
#include <dream/stored_value.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace dream {
namespace detail {

// What is said about one input, in the form the host reads.
struct FieldData {
  std::string name;
  std::string description;
  std::string regex;
  uint32_t type = DREAM_NULL;
  uint32_t any_of = 0;
  uint32_t flags = 0;
  double ge = 0;
  double le = 0;
  uint64_t min_length = 0;
  uint64_t max_length = 0;
  StoredValuePtr default_value;
  std::vector<StoredValuePtr> choices;

  void add_to(const dream_host* host, dream_schema* schema,
              dream_status* (*add_input)(dream_schema*, const dream_input*)) const {
    std::vector<const dream_value*> choice_views;
    for (const StoredValuePtr& choice : choices) choice_views.push_back(&choice->value);
    dream_input input{};
    input.struct_size = sizeof input;
    input.type = type;
    input.flags = flags;
    input.any_of = any_of;
    input.name = view(std::string_view(name));
    input.description = view(std::string_view(description));
    input.default_value = default_value ? &default_value->value : nullptr;
    input.ge = ge;
    input.le = le;
    input.min_length = min_length;
    input.max_length = max_length;
    input.regex = view(std::string_view(regex));
    input.choices = choice_views.data();
    input.choice_count = choice_views.size();
    check(host, add_input(schema, &input));
  }
};

// Whether `From` may be given where a scalar `To` is declared, without losing anything.
template <class From, class To>
consteval bool gives() {
  if constexpr (std::same_as<To, bool>)
    return std::same_as<From, bool>;
  else if constexpr (Integer<To>)
    return Integer<From>;
  else if constexpr (std::floating_point<To>)
    return Integer<From> || std::floating_point<From>;
  else if constexpr (std::same_as<To, std::string>) {
    return std::convertible_to<From, std::string_view>;
  } else {
    return std::same_as<From, To>;
  }
}

template <class To, class From>
To scalar_from(const From& from, const std::string& name) {
  if constexpr (Integer<To>) {
    if (!std::in_range<To>(from)) {
      throw InvalidInput("input \"" + name + "\": " + std::to_string(from) +
                         " does not fit the member's type");
    }
    return static_cast<To>(from);
  } else if constexpr (std::same_as<To, std::string>) {
    return std::string(std::string_view(from));
  } else if constexpr (std::floating_point<To>) {
    return static_cast<To>(from);
  } else {
    return from;
  }
}

// The default of a union, stored as the first alternative that can hold it.
template <class From, class... T>
StoredValuePtr store_alternative(const From& from, const std::string& name,
                                 const std::variant<T...>*) {
  StoredValuePtr stored;
  const auto attempt = [&]<class To>(const To*) {
    if constexpr (gives<From, To>()) {
      if (!stored) stored = store(scalar_from<To>(from, name));
    }
  };
  (attempt(static_cast<const T*>(nullptr)), ...);
  return stored;
}

template <class From, class... T>
consteval bool gives_any(const std::variant<T...>*) {
  return (gives<From, T>() || ...);
}

}  // namespace detail

// A declared input of type Member. All functions return *this, so that they chain.
template <class Member>
class Field {
  using Shape = detail::Shape<Member>;
  using Element = typename Shape::Element;
  static constexpr uint32_t type_bits = Shape::types;
  static constexpr bool has_numbers =
      (type_bits & (1U << DREAM_INTEGER | 1U << DREAM_NUMBER)) != 0 && !Shape::list;
  static constexpr bool has_text = (type_bits & (1U << DREAM_STRING)) != 0 && !Shape::list;
  static constexpr bool has_choices = !Shape::any_of && !Shape::list &&
                                      (Shape::type == DREAM_STRING || Shape::type == DREAM_INTEGER);
  static constexpr bool may_have_default = Shape::type != DREAM_FILE && Shape::type != DREAM_SECRET;

 public:
  explicit Field(detail::FieldData& data) : data_(data) {}

  // What the input is for; shown to users, required.
  Field& doc(std::string_view text) {
    data_.description = text;
    return *this;
  }

  // The value when the caller gives none. Without it the input is required, unless it is optional.
  template <class Value>
  Field& def(const Value& value) {
    check_default();
    if constexpr (Shape::list) {
      static_assert(std::same_as<Value, std::vector<Element>>,
                    "dream: the default of a list input is a list of the same element type, for "
                    "example def({1, 2})");
      if constexpr (std::same_as<Value, std::vector<Element>>) {
        data_.default_value = detail::store(value);
      }
    } else if constexpr (Shape::any_of) {
      constexpr bool fits =
          detail::gives_any<std::decay_t<const Value&>>(static_cast<const Element*>(nullptr));
      static_assert(fits, "dream: def() must have one of the types of the union");
      if constexpr (fits) {
        data_.default_value = detail::store_alternative<std::decay_t<const Value&>>(
            value, data_.name, static_cast<const Element*>(nullptr));
      }
    } else {
      constexpr bool fits = detail::gives<std::decay_t<const Value&>, Element>();
      static_assert(fits, "dream: def() must have the type of the input's member");
      if constexpr (fits) {
        data_.default_value = detail::store(detail::scalar_from<Element>(value, data_.name));
      }
    }
    return *this;
  }

  Field& def(std::initializer_list<Element> values) {
    check_default();
    static_assert(Shape::list, "dream: def({...}) is for list inputs (std::vector members)");
    data_.default_value = detail::store(std::vector<Element>(values));
    return *this;
  }

  // The smallest value allowed.
  template <class Number>
  Field& ge(Number least) {
    check_number<Number>();
    data_.ge = static_cast<double>(least);
    data_.flags |= DREAM_INPUT_HAS_GE;
    return *this;
  }

  // The largest value allowed.
  template <class Number>
  Field& le(Number most) {
    check_number<Number>();
    data_.le = static_cast<double>(most);
    data_.flags |= DREAM_INPUT_HAS_LE;
    return *this;
  }

  // The fewest characters allowed.
  Field& min_length(uint64_t characters) {
    check_text();
    data_.min_length = characters;
    data_.flags |= DREAM_INPUT_HAS_MIN_LENGTH;
    return *this;
  }

  // The most characters allowed.
  Field& max_length(uint64_t characters) {
    check_text();
    data_.max_length = characters;
    data_.flags |= DREAM_INPUT_HAS_MAX_LENGTH;
    return *this;
  }

  // RE2 syntax; a match anywhere in the text is enough, so anchor with ^ and $.
  Field& regex(std::string_view pattern) {
    check_text();
    data_.regex = pattern;
    return *this;
  }

  // The only values allowed.
  Field& choices(std::initializer_list<Element> values) { return add_choices(values); }
  Field& choices(const std::vector<Element>& values) { return add_choices(values); }

  // Still accepted, no longer recommended.
  Field& deprecated() {
    data_.flags |= DREAM_INPUT_DEPRECATED;
    return *this;
  }

 private:
  static void check_default() {
    static_assert(may_have_default,
                  "dream: a File or Secret has no default; make the member std::optional to let "
                  "callers leave it out");
  }
  static void check_text() {
    static_assert(has_text,
                  "dream: min_length(), max_length() and regex() limit texts; this input is not a "
                  "std::string (numbers are limited by ge() and le())");
  }
  template <class Number>
  static void check_number() {
    static_assert(has_numbers,
                  "dream: ge() and le() limit numbers; this input is not one (texts are limited by "
                  "min_length(), max_length(), regex() and choices())");
    static_assert(detail::Integer<Number> || std::floating_point<Number>,
                  "dream: a limit is a number");
  }

  template <class Values>
  Field& add_choices(const Values& values) {
    static_assert(has_choices,
                  "dream: choices() are for std::string and integer inputs that are no list");
    if (values.size() == 0) {
      throw InvalidInput("input \"" + data_.name + "\": choices() needs at least one value");
    }
    data_.choices.clear();
    if constexpr (has_choices) {
      for (const Element& value : values) data_.choices.push_back(detail::store(value));
    }
    return *this;
  }

  detail::FieldData& data_;
};

}  // namespace dream
