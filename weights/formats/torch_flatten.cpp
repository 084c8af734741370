#include "weights/formats/torch_flatten.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "weights/formats/text.hpp"

namespace dream::weights {
namespace {

using pickle::Kind;
using pickle::Value;

constexpr int max_depth = 64;
constexpr std::size_t max_tensors = 262'144;
constexpr std::size_t max_visits = 1'000'000;  // shared nodes count each time they are reached
constexpr std::size_t max_name_bytes = 512;
constexpr std::size_t max_listed = 12;  // names in one note

// A list for a note: at most max_listed names, then how many more.
std::string listed(const std::vector<std::string>& names) {
  const std::size_t shown = std::min(names.size(), max_listed);
  std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + shown, ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

class Flattener {
 public:
  Flattener(const FileBytes& file, Format format, const ReadStorage& read_storage)
      : file_(file), tensors_(file, read_storage) {
    result_.format = format;
  }

  WeightFile run(const pickle::Document& document) {
    const Value& root = *document.root;
    const Value* chosen = &root;
    if (const Value* state = find_state_dict(root)) {
      chosen = state;
      note_siblings(root);
    }
    if (!is_container(*chosen) && !is_torch_tensor(*chosen))
      fail(fmt::format("holds {}, expected a dict of tensors", pickle::describe(*chosen)));
    visit(*chosen, is_torch_tensor(*chosen) ? "tensor" : "", 0);
    add_notes(document);
    return std::move(result_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}: {}", file_.name, what));
  }

  // An object counts as a dict when it is one of torch's and Python's own dict classes or carries
  // items of its own (a subclass of dict).
  static bool is_dict(const Value& value) {
    if (value.kind == Kind::dict) return true;
    if (value.kind != Kind::object || is_torch_tensor(value)) return false;
    const Value& type = *value.callable;
    return !value.items.empty() || type.is_global("collections", "OrderedDict") ||
           type.is_global("collections", "defaultdict") || type.is_global("builtins", "dict") ||
           type.is_global("__builtin__", "dict");
  }

  static bool is_container(const Value& value) {
    return is_dict(value) || value.kind == Kind::list || value.kind == Kind::tuple;
  }

  static const Value* find_state_dict(const Value& root) {
    if (!is_dict(root)) return nullptr;
    const Value* found = nullptr;
    for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
      const Value& key = *root.items[i];
      if (key.kind == Kind::string && key.text == "state_dict" && is_dict(*root.items[i + 1]))
        found = root.items[i + 1];
    }
    return found;
  }

  void note_siblings(const Value& root) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
      const Value& key = *root.items[i];
      if (key.kind != Kind::string || key.text == "state_dict") continue;
      names.push_back(printable(key.text));
      const Value& value = *root.items[i + 1];
      if (key.text == "global_step" && value.kind == Kind::integer)
        result_.metadata["global_step"] = std::to_string(value.integer);
    }
    if (!names.empty())
      result_.notes.push_back(
          fmt::format("took 'state_dict' and left out what lies beside it: {}", listed(names)));
  }

  void visit(const Value& value, const std::string& name, int depth) {
    if (++visits_ > max_visits) fail(fmt::format("holds more than {} values", max_visits));
    if (depth > max_depth)
      fail(fmt::format("'{}' is nested deeper than {} levels", printable(name), max_depth));
    if (is_torch_tensor(value)) return add_tensor(value, name);
    if (is_dict(value)) {
      visit_pairs(value.items, name, depth);
      visit_constructor_items(value, name, depth);
    } else if (value.kind == Kind::list || value.kind == Kind::tuple) {
      for (std::size_t i = 0; i < value.items.size(); ++i)
        visit(*value.items[i], join(name, std::to_string(i)), depth + 1);
    } else {
      if (depth == 1 && value.kind == Kind::string && is_utf8(name) && is_utf8(value.text))
        result_.texts.emplace(name, value.text);
      skip(name.empty() ? pickle::describe(value) : name);
    }
  }

  void visit_pairs(const std::vector<Value*>& items, const std::string& name, int depth) {
    for (std::size_t i = 0; i + 1 < items.size(); i += 2)
      visit_pair(*items[i], *items[i + 1], name, depth);
  }

  void visit_pair(const Value& key, const Value& value, const std::string& name, int depth) {
    if (key.kind == Kind::string) return visit(value, join(name, key.text), depth + 1);
    if (key.kind == Kind::integer)
      return visit(value, join(name, std::to_string(key.integer)), depth + 1);
    if (is_torch_tensor(value))
      fail(fmt::format("a tensor in '{}' has {} for its key", printable(name),
                       pickle::describe(key)));
    skip(fmt::format("{} as a key", pickle::describe(key)));
  }

  // OrderedDict([[key, value], …]), as Python 2 wrote it.
  void visit_constructor_items(const Value& value, const std::string& name, int depth) {
    if (value.kind != Kind::object || !value.callable->is_global("collections", "OrderedDict") ||
        value.arguments->kind != Kind::tuple || value.arguments->items.size() != 1)
      return;
    for (const Value* pair : value.arguments->items[0]->items) {
      if ((pair->kind == Kind::list || pair->kind == Kind::tuple) && pair->items.size() == 2)
        visit_pair(*pair->items[0], *pair->items[1], name, depth);
    }
  }

  std::string join(const std::string& name, std::string_view key) const {
    if (key.size() + name.size() + 1 > max_name_bytes)
      fail(fmt::format("the name '{}…' is longer than {} bytes",
                       printable(name.empty() ? key : std::string_view(name), 60), max_name_bytes));
    return name.empty() ? std::string(key) : name + "." + std::string(key);
  }

  void add_tensor(const Value& value, const std::string& name) {
    if (!is_utf8(name)) fail(fmt::format("tensor name '{}' is not UTF-8", printable(name)));
    if (result_.tensors.size() >= max_tensors)
      fail(fmt::format("holds more than {} tensors", max_tensors));
    std::optional<TensorView> tensor = tensors_.read(value, name);
    if (!tensor) {
      unsupported_.push_back(fmt::format("{} ({})", printable(name), tensors_.skipped_dtype()));
    } else if (!result_.tensors.emplace(name, std::move(*tensor)).second) {
      fail(fmt::format("two tensors are called '{}'", printable(name)));
    }
  }

  void skip(const std::string& name) {
    if (skipped_.size() <= max_listed) skipped_.push_back(printable(name));
    ++skipped_count_;
  }

  void add_notes(const pickle::Document& document) {
    if (!unsupported_.empty())
      result_.notes.push_back("skipped tensors of dtypes that are not supported: " +
                              listed(unsupported_));
    if (skipped_count_ > 0) {
      skipped_.resize(std::min(skipped_.size(), max_listed));
      std::string text = fmt::format("skipped what is not a tensor: {}", fmt::join(skipped_, ", "));
      if (skipped_count_ > skipped_.size())
        text += fmt::format(" and {} more", skipped_count_ - skipped_.size());
      result_.notes.push_back(std::move(text));
    }
    std::vector<std::string> inert;
    for (const Value* global : document.globals) {
      if (!is_known_torch_global(*global)) inert.push_back(pickle::describe(*global));
    }
    if (!inert.empty())
      result_.notes.push_back("not executed, only read as inert values: " + listed(inert));
    if (result_.tensors.empty()) result_.notes.emplace_back("holds no tensors");
  }

  const FileBytes& file_;
  TorchTensorReader tensors_;
  WeightFile result_;
  std::size_t visits_ = 0;
  std::size_t skipped_count_ = 0;
  std::vector<std::string> skipped_;
  std::vector<std::string> unsupported_;
};

}  // namespace

WeightFile flatten_torch(const FileBytes& file, Format format, const pickle::Document& document,
                         const ReadStorage& read_storage) {
  return Flattener(file, format, read_storage).run(document);
}

}  // namespace dream::weights
