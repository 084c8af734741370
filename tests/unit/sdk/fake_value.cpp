#include "fake_host.hpp"

namespace dream::testing {

Value Value::copy(const dream_value& value) {
  Value copy;
  copy.type = value.type;
  switch (value.type) {
    case DREAM_NULL:
      break;
    case DREAM_INTEGER:
      copy.integer = value.as.integer;
      break;
    case DREAM_NUMBER:
      copy.number = value.as.number;
      break;
    case DREAM_BOOLEAN:
      copy.integer = value.as.boolean;
      break;
    case DREAM_LIST:
      for (size_t i = 0; i < value.as.items.size; ++i) {
        copy.items.push_back(Value::copy(*value.as.items.data[i]));
      }
      break;
    default:
      copy.text.assign(value.as.string.data == nullptr ? "" : value.as.string.data,
                       value.as.string.size);
  }
  return copy;
}

namespace {
Value with_text(uint32_t type, std::string text) {
  Value value;
  value.type = type;
  value.text = std::move(text);
  return value;
}
}  // namespace

Value string(std::string text) {
  return with_text(DREAM_STRING, std::move(text));
}
Value file(std::string path) {
  return with_text(DREAM_FILE, std::move(path));
}
Value secret(std::string text) {
  return with_text(DREAM_SECRET, std::move(text));
}
Value json(std::string text) {
  return with_text(DREAM_JSON, std::move(text));
}

Value integer(int64_t number) {
  Value value;
  value.type = DREAM_INTEGER;
  value.integer = number;
  return value;
}

Value number(double number) {
  Value value;
  value.type = DREAM_NUMBER;
  value.number = number;
  return value;
}

Value boolean(bool truth) {
  Value value;
  value.type = DREAM_BOOLEAN;
  value.integer = truth ? 1 : 0;
  return value;
}

Value list(std::vector<Value> items) {
  Value value;
  value.type = DREAM_LIST;
  value.items = std::move(items);
  return value;
}

const Input* Declared::find(const std::string& name) const {
  for (const Input& input : inputs) {
    if (input.name == name) return &input;
  }
  return nullptr;
}

}  // namespace dream::testing
