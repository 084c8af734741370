#include "host/worker/sdk_host/values.hpp"

#include <cmath>

#include "host/worker/sdk_host/sdk_error.hpp"

namespace dream::worker {
namespace {

constexpr int max_depth = 64;

nlohmann::json parse_json(std::string_view text, std::string_view what) {
  const auto limit_depth = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > max_depth)
      throw invalid(std::string(what) + ": JSON nested over " + std::to_string(max_depth) +
                    " levels deep");
    return true;
  };
  try {
    return nlohmann::json::parse(text.begin(), text.end(), limit_depth);
  } catch (const nlohmann::json::exception& error) {
    throw invalid(std::string(what) + ": not valid JSON: " + error.what());
  }
}

nlohmann::json to_json(const dream_value* value, std::string_view what, int depth) {
  const std::string name(what);
  if (value == nullptr) throw invalid(name + ": the value is a null pointer");
  if (value->struct_size < sizeof(dream_value))
    throw invalid(name + ": dream_value.struct_size " + std::to_string(value->struct_size) +
                  " is too small");
  if (depth > max_depth) throw invalid(name + ": lists nested too deep");
  switch (value->type) {
    case DREAM_NULL:
      return nullptr;
    case DREAM_STRING:
    case DREAM_FILE:
    case DREAM_SECRET:
      return view(value->as.string, what);
    case DREAM_JSON:
      return parse_json(view(value->as.string, what), what);
    case DREAM_INTEGER:
      return value->as.integer;
    case DREAM_NUMBER:
      if (!std::isfinite(value->as.number)) throw invalid(name + ": the number is not finite");
      return value->as.number;
    case DREAM_BOOLEAN:
      return value->as.boolean != 0;
    case DREAM_LIST: {
      if (value->as.items.data == nullptr && value->as.items.size != 0)
        throw invalid(name + ": the list is a null pointer");
      auto list = nlohmann::json::array();
      for (std::size_t i = 0; i < value->as.items.size; ++i)
        list.push_back(to_json(value->as.items.data[i], what, depth + 1));
      return list;
    }
    default:
      throw invalid(name + ": the value is of " + type_name(value->type));
  }
}

}  // namespace

std::string type_name(std::uint32_t type) {
  switch (type) {
    case DREAM_NULL:
      return "null";
    case DREAM_STRING:
      return "string";
    case DREAM_INTEGER:
      return "integer";
    case DREAM_NUMBER:
      return "number";
    case DREAM_BOOLEAN:
      return "boolean";
    case DREAM_FILE:
      return "file";
    case DREAM_SECRET:
      return "secret";
    case DREAM_JSON:
      return "json";
    case DREAM_LIST:
      return "list";
    default:
      return "unknown type " + std::to_string(type);
  }
}

std::string_view view(dream_str text, std::string_view what) {
  if (text.data == nullptr && text.size != 0)
    throw invalid(std::string(what) + ": the string is a null pointer");
  return text.size == 0 ? std::string_view() : std::string_view(text.data, text.size);
}

nlohmann::json to_json(const dream_value* value, std::string_view what) {
  return to_json(value, what, 0);
}

std::string short_text(const nlohmann::json& json) {
  constexpr std::size_t most = 200;
  std::string text = json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > most) text = text.substr(0, most) + "…";
  return text;
}

bool is_of_type(const nlohmann::json& json, dream_type type) {
  switch (type) {
    case DREAM_NULL:
      return json.is_null();
    case DREAM_STRING:
    case DREAM_FILE:
    case DREAM_SECRET:
      return json.is_string();
    case DREAM_INTEGER: {
      if (json.is_number_unsigned()) return json.get<std::uint64_t>() <= INT64_MAX;
      if (json.is_number_integer()) return true;
      if (!json.is_number_float()) return false;
      const double number = json.get<double>();
      return std::trunc(number) == number && std::abs(number) < 9.2e18;
    }
    case DREAM_NUMBER:
      return json.is_number();
    case DREAM_BOOLEAN:
      return json.is_boolean();
    case DREAM_JSON:
      return !json.is_discarded();
    case DREAM_LIST:
      return json.is_array();
  }
  return false;
}

const dream_value* ValueArena::make(const nlohmann::json& json, dream_type type) {
  dream_value value{};
  value.struct_size = sizeof value;
  value.type = type;
  switch (type) {
    case DREAM_STRING:
    case DREAM_FILE:
    case DREAM_SECRET:
      value.as.string = to_str(strings_.emplace_back(json.get<std::string>()));
      break;
    case DREAM_JSON:
      value.as.string = to_str(strings_.emplace_back(
          json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
      break;
    case DREAM_INTEGER:
      value.as.integer = json.get<std::int64_t>();
      break;
    case DREAM_NUMBER:
      value.as.number = json.get<double>();
      break;
    case DREAM_BOOLEAN:
      value.as.boolean = json.get<bool>() ? 1 : 0;
      break;
    case DREAM_NULL:
    case DREAM_LIST:
      throw SdkError(DREAM_INTERNAL, "no single value is of type " + type_name(type));
  }
  return &values_.emplace_back(value);
}

const dream_value* ValueArena::make_list(std::span<const dream_value* const> items) {
  const auto& list = lists_.emplace_back(items.begin(), items.end());
  dream_value value{};
  value.struct_size = sizeof value;
  value.type = DREAM_LIST;
  value.as.items.data = list.data();
  value.as.items.size = list.size();
  return &values_.emplace_back(value);
}

}  // namespace dream::worker
