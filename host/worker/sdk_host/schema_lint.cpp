// The rules a declared input must keep (schema.hpp: lint).
#include <re2/re2.h>

#include <algorithm>
#include <cmath>

#include "host/worker/sdk_host/schema.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"
#include "host/worker/sdk_host/values.hpp"

namespace dream::worker {
namespace {

constexpr std::size_t max_name_bytes = 64;

[[noreturn]] void refuse(const InputSpec& input, const std::string& why) {
  throw invalid("input '" + input.name + "': " + why);
}

std::vector<dream_type> types_of(const InputSpec& input) {
  return input.any_of.empty() ? std::vector{input.type} : input.any_of;
}

bool has_type(const InputSpec& input, std::initializer_list<dream_type> wanted) {
  return std::ranges::any_of(types_of(input), [&](dream_type type) {
    return std::ranges::find(wanted, type) != wanted.end();
  });
}

void check_name(const InputSpec& input) {
  const std::string& name = input.name;
  const auto starts = [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); };
  const auto goes_on = [&](char c) { return starts(c) || (c >= '0' && c <= '9'); };
  if (name.empty() || name.size() > max_name_bytes || !starts(name.front()) ||
      !std::ranges::all_of(name, goes_on))
    refuse(input, "a name is 1 to 64 characters [a-z0-9_] and does not start with a digit");
  if (std::ranges::all_of(input.description, [](char c) { return c == ' ' || c == '\n'; }))
    refuse(input, "the description is missing");
}

void check_types(const InputSpec& input) {
  if (input.type == DREAM_NULL || input.type >= DREAM_LIST)
    refuse(input, "an input cannot be of type " + type_name(input.type));
  if (input.any_of.empty()) return;
  if (input.any_of.size() < 2 || input.any_of.front() != input.type)
    refuse(input, "any_of needs at least two types, the first of which is the input's type");
  for (const dream_type type : input.any_of)
    if (type == DREAM_NULL || type == DREAM_FILE || type == DREAM_SECRET || type >= DREAM_LIST)
      refuse(input, "any_of cannot contain " + type_name(type));
}

void check_limits(const InputSpec& input) {
  if ((input.ge || input.le) && !has_type(input, {DREAM_INTEGER, DREAM_NUMBER}))
    refuse(input, "ge and le are for numbers, not for type " + type_name(input.type));
  for (const auto& limit : {input.ge, input.le}) {
    if (limit && !std::isfinite(*limit)) refuse(input, "ge and le must be finite");
    if (limit && input.type == DREAM_INTEGER && input.any_of.empty() &&
        std::trunc(*limit) != *limit)
      refuse(input, "ge and le of an integer must be whole numbers");
  }
  if (input.ge && input.le && *input.ge > *input.le) refuse(input, "ge is above le");

  const bool text = has_type(input, {DREAM_STRING, DREAM_SECRET});
  if ((input.min_length || input.max_length || !input.regex.empty()) && !text)
    refuse(input, "lengths and regex are for strings, not for type " + type_name(input.type));
  if (input.min_length && input.max_length && *input.min_length > *input.max_length)
    refuse(input, "min_length is above max_length");
}

std::size_t characters(const std::string& text) {  // UTF-8: all bytes but continuation bytes
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// One default or choice, or one item of a default list.
void check_value(const InputSpec& input, const nlohmann::json& value, const std::string& what,
                 const re2::RE2* regex) {
  // A secret's text stays out of every message.
  const std::string shown = input.type == DREAM_SECRET ? what : what + " " + short_text(value);
  const auto types = types_of(input);
  if (std::ranges::none_of(types, [&](dream_type type) { return is_of_type(value, type); }))
    refuse(input, shown + " is not of type " + type_name(input.type));
  if (value.is_number() && has_type(input, {DREAM_INTEGER, DREAM_NUMBER})) {
    if (input.ge && value.get<double>() < *input.ge) refuse(input, shown + " is below ge");
    if (input.le && value.get<double>() > *input.le) refuse(input, shown + " is above le");
  }
  if (value.is_string() && has_type(input, {DREAM_STRING, DREAM_SECRET})) {
    const std::string text = value.get<std::string>();
    const std::size_t length = characters(text);
    if (input.min_length && length < *input.min_length)
      refuse(input, shown + " is shorter than min_length");
    if (input.max_length && length > *input.max_length)
      refuse(input, shown + " is longer than max_length");
    if (regex != nullptr && !re2::RE2::PartialMatch(text, *regex))
      refuse(input, shown + " does not match the regex");
  }
}

void check_choices(const InputSpec& input, const re2::RE2* regex) {
  if (input.choices.empty()) return;
  if (!input.any_of.empty() || !has_type(input, {DREAM_STRING, DREAM_INTEGER}))
    refuse(input, "choices are for strings and integers");
  for (auto choice = input.choices.begin(); choice != input.choices.end(); ++choice) {
    check_value(input, *choice, "choice", regex);
    if (std::find(input.choices.begin(), choice, *choice) != choice)
      refuse(input, "choice " + short_text(*choice) + " is there twice");
  }
}

void check_default(const InputSpec& input, const re2::RE2* regex) {
  if (!input.default_value) return;
  const auto check_one = [&](const nlohmann::json& value) {
    check_value(input, value, "default", regex);
    if (!input.choices.empty() && std::ranges::find(input.choices, value) == input.choices.end())
      refuse(input, "default " + short_text(value) + " is not one of the choices");
  };
  const nlohmann::json& value = *input.default_value;
  if (!input.list) return check_one(value);
  if (!value.is_array()) refuse(input, "the default of a list must be a list");
  for (const auto& item : value) check_one(item);
}

}  // namespace

void lint(const InputSpec& input) {
  check_name(input);
  check_types(input);
  check_limits(input);
  std::optional<re2::RE2> regex;
  if (!input.regex.empty()) {
    regex.emplace(input.regex, re2::RE2::Quiet);
    if (!regex->ok()) refuse(input, "regex '" + input.regex + "': " + regex->error());
  }
  check_choices(input, regex ? &*regex : nullptr);
  check_default(input, regex ? &*regex : nullptr);
}

}  // namespace dream::worker
