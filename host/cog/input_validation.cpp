// The rules are those of JSON Schema as Cog's server applies it, so the checks run in its order:
// properties by name, keywords of a property by name, missing fields last.
#include "host/cog/input_validation.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "host/cog/json_text.hpp"
#include "host/predictions/secrets.hpp"

namespace dream::host {
namespace {

using nlohmann::json;

// The JSON type that an input type has on the wire.
std::string_view wire_type(std::string_view type) {
  if (type == "integer" || type == "number" || type == "boolean") return type;
  return type == "json" ? "object" : "string";
}

bool is_whole(const json& value) {
  if (value.is_number_integer()) return true;
  return value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>();
}

bool has_type(const json& value, std::string_view type) {
  const std::string_view wire = wire_type(type);
  if (wire == "integer") return is_whole(value);
  if (wire == "number") return value.is_number();
  if (wire == "boolean") return value.is_boolean();
  return wire == "object" ? value.is_object() : value.is_string();
}

bool fits_64_bits(const json& number) {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (number.is_number_unsigned()) return number.get<std::uint64_t>() <= most;
  return number.is_number_integer();
}

// Exact between integers; the library's own comparison would wrap above 2^63.
bool less(const json& a, const json& b) {
  if (fits_64_bits(a) && fits_64_bits(b)) return a.get<std::int64_t>() < b.get<std::int64_t>();
  return a.get<double>() < b.get<double>();
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

// Checks one input and collects what is wrong with it.
class Check {
 public:
  Check(const json& declared, const ValidationWords& words, std::vector<ValidationError>& errors)
      : input_(declared), name_(declared.at("name")), words_(words), errors_(errors) {}

  // The value as the worker gets it.
  json run(const json& value) {
    if (value.is_null() && input_.value("nullable", false)) return nullptr;
    if (!input_.value("list", false)) return item(value, name_);
    if (!value.is_array()) {
      fail(name_, words_.wrong_type(shown(value), "array"));
      return value;
    }
    json items = json::array();
    for (std::size_t i = 0; i < value.size(); ++i) {
      items.push_back(item(value[i], fmt::format("{}/{}", name_, i)));
    }
    return items;
  }

 private:
  void fail(const std::string& where, Complaint complaint) {
    errors_.push_back(
        {{"body", "input", where}, std::move(complaint.msg), std::move(complaint.type)});
  }

  // A secret's text stays out of every message.
  std::string shown(const json& value) const {
    return input_.at("type") == "secret" && !value.is_null() ? secret_mask : quote(value);
  }

  json item(const json& value, const std::string& where) {
    if (input_.contains("any_of") && !input_["any_of"].empty()) return union_item(value, where);
    const std::string type = input_.at("type");
    const std::size_t before = errors_.size();
    if (input_.contains("choices") && !input_["choices"].empty()) check_choice(value, where);
    if (value.is_string()) check_lengths(value, where);
    if (value.is_number()) check_limits(value, where);
    if (value.is_string() && input_.contains("regex")) check_pattern(value, where);
    if (!has_type(value, type)) {
      fail(where, words_.wrong_type(shown(value), wire_type(type)));
      return value;
    }
    const bool sound = errors_.size() == before;
    return sound && type == "integer" ? to_integer(value, where) : value;
  }

  json union_item(const json& value, const std::string& where) {
    for (const auto& type : input_["any_of"]) {
      if (has_type(value, type.get<std::string>())) return value;
    }
    fail(where, words_.not_in_union(shown(value)));
    return value;
  }

  void check_choice(const json& value, const std::string& where) {
    const json& choices = input_["choices"];
    if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
    fail(where, words_.not_a_choice(shown(value), choices));
  }

  void check_lengths(const json& value, const std::string& where) {
    const std::size_t length = characters(value.get_ref<const std::string&>());
    if (const auto most = input_.find("max_length"); most != input_.end() && length > *most)
      fail(where, words_.too_long(shown(value), most->get<std::size_t>()));
    if (const auto least = input_.find("min_length"); least != input_.end() && length < *least)
      fail(where, words_.too_short(shown(value), least->get<std::size_t>()));
  }

  void check_limits(const json& value, const std::string& where) {
    if (const auto most = input_.find("le"); most != input_.end() && less(*most, value))
      fail(where, words_.too_great(shown(value), tidy_number(*most)));
    if (const auto least = input_.find("ge"); least != input_.end() && less(value, *least))
      fail(where, words_.too_small(shown(value), tidy_number(*least)));
  }

  void check_pattern(const json& value, const std::string& where) {
    const std::string pattern = input_["regex"];
    const re2::RE2 regex(pattern, re2::RE2::Quiet);
    if (regex.ok() && re2::RE2::PartialMatch(value.get_ref<const std::string&>(), regex)) return;
    fail(where, words_.no_match(shown(value), pattern));
  }

  // 3.0 counts as an integer; what does not fit into 64 bits cannot reach a template.
  json to_integer(const json& value, const std::string& where) {
    if (fits_64_bits(value)) return value;
    if (value.is_number_float() && std::abs(value.get<double>()) < 9.2e18) {
      return static_cast<std::int64_t>(value.get<double>());
    }
    using Limits = std::numeric_limits<std::int64_t>;
    fail(where, value.get<double>() < 0 ? words_.too_small(shown(value), Limits::min())
                                        : words_.too_great(shown(value), Limits::max()));
    return value;
  }

  const json& input_;
  std::string name_;
  const ValidationWords& words_;
  std::vector<ValidationError>& errors_;
};

}  // namespace

json resolve_input(const json& schema, const json& input, std::vector<ValidationError>& errors,
                   std::vector<std::string>* stripped, const ValidationWords& words) {
  json resolved = json::object();
  if (!input.is_object()) {
    const Complaint complaint = words.wrong_type(quote(input), "object");
    errors.push_back({{"body", "input", "__root__"}, complaint.msg, complaint.type});
    return resolved;
  }
  std::map<std::string, const json*> declared;
  for (const auto& item : schema.at("inputs")) declared.emplace(item.at("name"), &item);
  if (stripped != nullptr) {
    for (const auto& [name, value] : input.items()) {
      if (!declared.contains(name)) stripped->push_back(name);
    }
  }
  for (const auto& [name, item] : declared) {
    if (const auto given = input.find(name); given != input.end()) {
      resolved[name] = Check(*item, words, errors).run(*given);
    } else if (const auto fallback = item->find("default"); fallback != item->end()) {
      resolved[name] = *fallback;
    } else {
      resolved[name] = nullptr;
    }
  }
  for (const auto& item : schema.at("inputs")) {
    const std::string name = item.at("name");
    if (input.contains(name) || item.contains("default") || item.value("nullable", false)) continue;
    const Complaint complaint = words.missing();
    errors.push_back({{"body", "input", name}, complaint.msg, complaint.type});
  }
  return resolved;
}

json validation_body(const std::vector<ValidationError>& errors) {
  json detail = json::array();
  for (const auto& error : errors) {
    detail.push_back({{"loc", error.loc}, {"msg", error.msg}, {"type", error.type}});
  }
  return {{"detail", detail}};
}

}  // namespace dream::host
