#include "host/check/input_maker.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "host/cog/input_validation.hpp"

namespace dream::host::check {
namespace {

using Json = nlohmann::json;

constexpr std::size_t long_text_bytes = 20'000;

// Inputs that decide how much work a run is: its example has little of it, and they keep the
// example's values.
struct Work {
  std::string_view input;
  std::optional<int> value;  // unset: the default
};
constexpr std::array diffusion_work{Work{"width", {}}, Work{"height", {}}, Work{"num_outputs", {}},
                                    Work{"num_inference_steps", 2}};
constexpr std::array training_work{
    Work{"max_train_steps", 2},   Work{"num_train_epochs", 1},
    Work{"num_class_images", 1},  Work{"train_batch_size", 1},
    Work{"sample_batch_size", 1}, Work{"gradient_accumulation_steps", 1},
    Work{"n_save_sample", 1},     Work{"save_infer_steps", 2},
    Work{"resolution", {}},       Work{"rank", 4},
    Work{"sample_steps", 0},      Work{"checkpointing_steps", 500}};

std::span<const Work> work_of(bool diffusion, bool training) {
  if (diffusion) return diffusion_work;
  if (training) return training_work;
  return {};
}

const Work* find_work(std::span<const Work> all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &Work::input);
  return found == all.end() ? nullptr : &*found;
}

std::uint64_t below(std::mt19937_64& random, std::uint64_t limit) {
  return limit == 0 ? 0 : random() % limit;  // not std::uniform_int_distribution: it differs
}

const Json* find_input(const Json& schema, std::string_view name) {
  for (const Json& input : schema.at("inputs"))
    if (input.at("name") == name) return &input;
  return nullptr;
}

std::vector<std::string> types_of(const Json& input) {
  if (input.contains("any_of") && !input["any_of"].empty())
    return input["any_of"].get<std::vector<std::string>>();
  return {input.at("type").get<std::string>()};
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string whole;
  for (std::size_t i = 0; i < times; ++i) whole += text;
  return whole;
}

std::string random_text(std::mt19937_64& random) {
  static constexpr std::array<std::string_view, 12> pieces{
      "a", "Z", "7", " ", "ü", "漢", "🙂", "(", ":1.4)", "%n%s", "\\", "\"'<&>"};
  std::string text;
  for (std::uint64_t i = below(random, 64); i > 0; --i)
    text += pieces[below(random, pieces.size())];
  return text;
}

std::vector<Json> unusual_texts(const Json& input, std::mt19937_64& random) {
  std::vector<Json> texts{"",
                          " ",
                          "\n\t\r",
                          std::string("nul\0nul", 7),
                          "ünïcödé 漢字 🙂 \u202e right to left",
                          "e\u0301\u0327\u200d\ufeff",
                          "%s%n%x{}{0}$(id)`id`",
                          "../../etc/passwd",
                          "{\"json\":[1,2",
                          "((((((((((word:1e308)",
                          repeated("x", long_text_bytes),
                          repeated("word ", long_text_bytes / 5),
                          repeated("🙂", long_text_bytes / 4),
                          random_text(random)};
  for (const char* key : {"min_length", "max_length"}) {
    if (!input.contains(key)) continue;
    const auto length = std::min<std::uint64_t>(input[key].get<std::uint64_t>(), long_text_bytes);
    texts.emplace_back(repeated("y", length));
    texts.emplace_back(repeated("é", length));
  }
  return texts;
}

template <class Number>
std::vector<Json> unusual_numbers(const Json& input, std::mt19937_64& random, Number lowest,
                                  Number highest) {
  const Number ge = input.contains("ge") ? input["ge"].get<Number>() : lowest;
  const Number le = input.contains("le") ? input["le"].get<Number>() : highest;
  std::vector<Json> numbers{ge, le, Number(0), Number(1), Number(-1)};
  if (ge < le) {
    numbers.emplace_back(static_cast<Number>(ge + 1));
    numbers.emplace_back(static_cast<Number>(le - 1));
  }
  const double part = static_cast<double>(below(random, 1001)) / 1000;
  numbers.emplace_back(
      static_cast<Number>(static_cast<double>(ge) * (1 - part) + static_cast<double>(le) * part));
  return numbers;
}

std::vector<Json> unusual_documents() {
  Json deep = Json::object();
  for (int i = 0; i < 64; ++i) deep = Json{{"a", Json::array({deep})}};
  return {Json::object(), deep, Json{{"", nullptr}}, Json{{"ü", repeated("x", 1000)}},
          Json{{"n", -1e308}, {"i", std::numeric_limits<std::int64_t>::min()}}};
}

}  // namespace

InputMaker::InputMaker(Json schema, SampleFiles files)
    : schema_(std::move(schema)), files_(std::move(files)) {
  diffusion_ = find_input(schema_, "prompt") != nullptr &&
               find_input(schema_, "num_inference_steps") != nullptr;
  training_ = find_input(schema_, "instance_data") != nullptr &&
              find_input(schema_, "max_train_steps") != nullptr;
  for (const Json& input : schema_.at("inputs")) {
    bool found = true;
    example_[input.at("name").get<std::string>()] = example_value(input, found);
    if (!found) unknown_.push_back(input.at("name"));
  }
}

// Whether the host would let it through to the worker.
bool InputMaker::fits(const Json& input, const Json& value) const {
  Json one = input;
  one["nullable"] = input.value("nullable", false);
  const Json schema = {{"inputs", Json::array({std::move(one)})}};
  std::vector<ValidationError> errors;
  resolve_input(schema, {{input.at("name").get<std::string>(), value}}, errors);
  return errors.empty();
}

bool InputMaker::is_capped(const Json& input) const {
  return find_work(work_of(diffusion_, training_), input.at("name").get<std::string>()) != nullptr;
}

std::vector<Json> InputMaker::plain_values(const Json& input) const {
  std::vector<Json> values;
  if (input.contains("choices"))
    for (const Json& choice : input["choices"]) values.push_back(choice);
  for (const std::string& type : types_of(input)) {
    if (type == "file") values.emplace_back(files_.picture.string());
    if (type == "boolean") values.emplace_back(false);
    if (type == "json") values.emplace_back(Json{{"key", "value"}});
    if (type == "integer" || type == "number") {
      for (const char* limit : {"ge", "le"})
        if (input.contains(limit)) values.push_back(input[limit]);
      for (const int number : {1, 0, 2, 10, -1}) values.emplace_back(number);
    }
    if (type == "string" || type == "secret") {
      const auto length =
          std::min<std::uint64_t>(input.value("min_length", std::uint64_t{0}), long_text_bytes);
      for (const char* text : {"a photo", "a", "A", "0", "ab", "abc", "AB", "123", "1.0", "a-b",
                               "#a0b1c2", "2024-01-01", "a@b.org", "https://example.org/", "1:1"})
        values.emplace_back(text);
      values.emplace_back(repeated("a", length));
      values.emplace_back(repeated("0", length));
    }
  }
  return values;
}

Json InputMaker::example_value(const Json& input, bool& found) const {
  const auto name = input.at("name").get<std::string>();
  const Work* work = find_work(work_of(diffusion_, training_), name);
  if (work != nullptr && work->value && fits(input, *work->value)) return *work->value;
  if (training_ && name == "instance_data") return files_.archive.string();
  if (input.contains("default")) return input["default"];
  if (input.value("nullable", false)) return nullptr;
  if (input.value("list", false) && fits(input, Json::array())) return Json::array();
  for (const Json& value : plain_values(input))
    if (fits(input, value)) return value;
  found = false;
  return nullptr;
}

Json InputMaker::longest() const {
  Json longest = example_;
  for (const Json& input : schema_.at("inputs")) {
    const auto name = input.at("name").get<std::string>();
    const bool steps = name == "num_inference_steps" || name == "max_train_steps";
    if (diffusion_ || training_ ? !steps : !input.contains("le") || input.value("list", false))
      continue;
    if (input.contains("le") && fits(input, input["le"])) longest[name] = input["le"];
  }
  return longest;
}

std::vector<Json> InputMaker::unusual_items(const Json& input, std::mt19937_64& random) const {
  std::vector<Json> items;
  const auto add = [&](std::vector<Json> more) {
    items.insert(items.end(), std::make_move_iterator(more.begin()),
                 std::make_move_iterator(more.end()));
  };
  if (input.contains("choices")) add(input["choices"].get<std::vector<Json>>());
  for (const std::string& type : types_of(input)) {
    if (type == "string" || type == "secret") add(unusual_texts(input, random));
    if (type == "boolean") add({true, false});
    if (type == "json") add(unusual_documents());
    if (type == "integer") {
      using Limits = std::numeric_limits<std::int64_t>;
      using Near = std::numeric_limits<std::int32_t>;
      add(unusual_numbers<std::int64_t>(input, random, Near::min(), Near::max()));
      add({Limits::min(), Limits::max()});  // dropped where there are limits
    }
    if (type == "number") add(unusual_numbers<double>(input, random, -1e6, 1e6));
    if (type == "file")
      for (const auto& file : files_.unusual) items.emplace_back(file.string());
  }
  return items;
}

// The example's value if chance finds none that fits.
Json InputMaker::unusual_value(const Json& input, std::mt19937_64& random) const {
  constexpr int tries = 8;
  const auto name = input.at("name").get<std::string>();
  // The host resolves references to weights; a worker would only get files that are there.
  if (input.contains("reference")) return example_.at(name);
  const auto items = unusual_items(input, random);
  for (int i = 0; i < tries && !items.empty(); ++i) {
    Json value = items[below(random, items.size())];
    if (input.value("list", false)) {
      constexpr std::array<std::uint64_t, 4> sizes{0, 1, 3, 100};
      value = Json::array();
      for (auto left = sizes[below(random, sizes.size())]; left > 0; --left)
        value.push_back(items[below(random, items.size())]);
    }
    if (input.value("nullable", false) && below(random, 4) == 0) value = nullptr;
    if (fits(input, value)) return value;
  }
  return example_.at(name);
}

Json InputMaker::unusual(std::mt19937_64& random, std::size_t turn) const {
  Json made = example_;
  std::vector<const Json*> open;
  for (const Json& input : schema_.at("inputs"))
    if (!is_capped(input)) open.push_back(&input);
  if (open.empty()) return made;
  const auto change = [&](const Json& input) {
    made[input.at("name").get<std::string>()] = unusual_value(input, random);
  };
  if (turn % 2 == 0) {
    change(*open[turn / 2 % open.size()]);
  } else {
    for (const Json* input : open)
      if (below(random, 2) == 0) change(*input);
  }
  return made;
}

}  // namespace dream::host::check
