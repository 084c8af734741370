// Owned copies of default values and choices, kept until the host has read them.
#pragma once

#include <dream/value.hpp>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace dream::detail {

// A value that owns its text and items. Not movable: `value` points into it.
struct StoredValue {
  dream_value value{};
  std::string text;
  std::vector<std::unique_ptr<StoredValue>> items;
  std::vector<const dream_value*> item_views;

  StoredValue() = default;
  StoredValue(const StoredValue&) = delete;
  StoredValue& operator=(const StoredValue&) = delete;
};
using StoredValuePtr = std::unique_ptr<StoredValue>;

template <Scalar T>
StoredValuePtr store(const T& scalar) {
  auto stored = std::make_unique<StoredValue>();
  stored->value = make_value(scalar);
  constexpr dream_type type = scalar_type<T>();
  if constexpr (type == DREAM_STRING || type == DREAM_JSON) {
    stored->text = std::string(view(stored->value.as.string));
    stored->value.as.string = view(std::string_view(stored->text));
  }
  return stored;
}

template <class... T>
StoredValuePtr store(const std::variant<T...>& either) {
  return std::visit([](const auto& scalar) { return store(scalar); }, either);
}

template <class T>
StoredValuePtr store(const std::vector<T>& list) {
  auto stored = std::make_unique<StoredValue>();
  for (const T& item : list) {
    stored->items.push_back(store(item));
    stored->item_views.push_back(&stored->items.back()->value);
  }
  stored->value.struct_size = sizeof stored->value;
  stored->value.type = DREAM_LIST;
  stored->value.as.items = {stored->item_views.data(), stored->item_views.size()};
  return stored;
}

}  // namespace dream::detail
