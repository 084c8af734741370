#include "sdk/engine/text/tokenizer_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace dream::engine {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t most_bytes = 64 << 20;
constexpr int longest_prompt = 65'536;
// Named special tokens, in the order they are added.
constexpr std::array named_tokens = {"bos_token", "eos_token", "unk_token", "sep_token",
                                     "pad_token", "cls_token", "mask_token"};

[[noreturn]] void fail(const fs::path& file, const std::string& what) {
  throw std::runtime_error(fmt::format("{}: {}", file.string(), what));
}

// The files of one folder; a file is named by its path in messages.
class Files {
 public:
  Files(fs::path folder, const ReadTokenizerFile& read)
      : folder_(std::move(folder)), read_(read) {}

  fs::path path(const char* name) const { return folder_ / name; }
  bool has(const char* name) const { return read_(name).has_value(); }
  std::string text(const char* name) const {
    auto text = read_(name);
    if (!text) fail(path(name), "no such file");
    if (text->size() > most_bytes)
      fail(path(name), fmt::format("{} bytes; at most {} are read", text->size(), most_bytes));
    return std::move(*text);
  }
  json object(const char* name) const {
    json object;
    try {
      object = json::parse(text(name));
    } catch (const json::exception& error) {
      fail(path(name), fmt::format("no valid JSON: {}", error.what()));
    }
    if (!object.is_object()) fail(path(name), "a JSON object is expected");
    return object;
  }
  json object_if_there(const char* name) const { return has(name) ? object(name) : json::object(); }

 private:
  fs::path folder_;
  const ReadTokenizerFile& read_;
};

// A token as text or as {"content": …, "normalized": …}. `special` decides the default.
AddedToken read_token(const fs::path& file, const std::string& key, const json& value,
                      bool special) {
  AddedToken token;
  if (value.is_string()) {
    token.content = value.get<std::string>();
    return token;
  }
  const auto flag = [&](const char* name, bool fallback) {
    const auto found = value.find(name);
    if (found == value.end() || found->is_null()) return fallback;
    if (!found->is_boolean()) fail(file, fmt::format("{}.{} must be true or false", key, name));
    return found->get<bool>();
  };
  if (!value.is_object() || !value.contains("content") || !value["content"].is_string())
    fail(file, fmt::format("{} must be a text or an object with a text \"content\"", key));
  token.content = value["content"].get<std::string>();
  token.normalized = flag("normalized", !(special || flag("special", false)));
  token.lstrip = flag("lstrip", false);
  token.rstrip = flag("rstrip", false);
  if (flag("single_word", false))
    fail(file, fmt::format("{}.single_word = true is not supported; allowed: false", key));
  return token;
}

// Collects the special tokens in the order and with the precedence of transformers.
class TokenCollector {
 public:
  explicit TokenCollector(const Files& files) : files_(files) {
    for (const char* key : {"bos_token", "eos_token", "unk_token", "pad_token"})
      named_[key].content = "<|endoftext|>";
    named_["bos_token"].content = "<|startoftext|>";
  }

  void read(const json& config, const json& tokenizer_json) {
    const fs::path file = files_.path("tokenizer_config.json");
    read_special(file, config, false);
    known_extra_ = extra_.size();
    if (const auto decoder = config.find("added_tokens_decoder"); decoder != config.end()) {
      if (!decoder->is_object()) fail(file, "added_tokens_decoder must be an object");
      for (const auto& [id, token] : decoder->items())
        keep(file, id, read_token(file, "added_tokens_decoder." + id, token, false));
    } else {
      constexpr const char* map = "special_tokens_map.json";
      read_special(files_.path(map), files_.object_if_there(map), true);
      read_added_tokens_json();
      read_tokenizer_json(tokenizer_json);
    }
    for (auto& [key, token] : named_) {
      const auto found = std::find_if(by_id_.begin(), by_id_.end(), [&](const auto& entry) {
        return entry.second.content == token.content;
      });
      if (found != by_id_.end()) token = found->second;
    }
  }

  const AddedToken& named(const char* key) const { return named_.at(key); }

  // All of them, each content once: named and extra tokens yield to numbered ones, and among
  // themselves the last one counts. (A later plain "<|endoftext|>" undoes "normalized".)
  std::vector<AddedToken> all() const {
    std::vector<AddedToken> tokens;
    const auto find = [&tokens](const AddedToken& token) {
      return std::find_if(tokens.begin(), tokens.end(),
                          [&](const AddedToken& other) { return other.content == token.content; });
    };
    for (const auto& [id, token] : by_id_)
      if (!token.content.empty() && find(token) == tokens.end()) tokens.push_back(token);
    const auto numbered = static_cast<std::ptrdiff_t>(tokens.size());
    const auto add = [&](const AddedToken& token) {
      const auto same = find(token);
      if (token.content.empty() || same - tokens.begin() < numbered) return;
      if (same == tokens.end()) {
        tokens.push_back(token);
      } else {
        *same = token;
      }
    };
    for (const char* key : named_tokens)
      if (const auto found = named_.find(key); found != named_.end()) add(found->second);
    for (const AddedToken& token : extra_) add(token);
    return tokens;
  }

 private:
  void read_special(const fs::path& file, const json& values, bool special) {
    for (const char* key : named_tokens)
      if (const auto found = values.find(key); found != values.end() && !found->is_null())
        named_[key] = read_token(file, key, *found, special);
    for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
      const auto found = values.find(key);
      if (found == values.end() || !(found->is_array() || found->is_object())) continue;
      for (const json& token : *found) extra_.push_back(read_token(file, key, token, true));
    }
  }

  void read_added_tokens_json() {
    const fs::path file = files_.path("added_tokens.json");
    const json ids = files_.object_if_there("added_tokens.json");
    for (const auto& [content, id] : ids.items()) {
      if (!id.is_number_unsigned()) fail(file, fmt::format("{} has no whole number", content));
      AddedToken token;
      token.content = content;
      token.normalized = !is_special(content);
      keep(file, id.dump(), token);
    }
  }

  void read_tokenizer_json(const json& tokenizer_json) {
    const fs::path file = files_.path("tokenizer.json");
    const auto list = tokenizer_json.find("added_tokens");
    if (list == tokenizer_json.end()) return;
    if (!list->is_array()) fail(file, "added_tokens must be a list");
    for (const json& entry : *list) {
      if (!entry.is_object() || !entry.contains("id")) fail(file, "added_tokens without an id");
      keep(file, entry["id"].dump(), read_token(file, "added_tokens", entry, false));
    }
  }

  void keep(const fs::path& file, const std::string& id, AddedToken token) {
    if (id.empty() || id.size() > 9 || id.find_first_not_of("0123456789") != std::string::npos)
      fail(file, fmt::format("token id {} is not a whole number", id));
    by_id_[std::stoll(id)] = std::move(token);
  }

  // As transformers tells special from plain in added_tokens.json, which it reads before it has
  // looked at the map's additional_special_tokens.
  bool is_special(const std::string& content) const {
    const auto same = [&](const AddedToken& token) { return token.content == content; };
    const auto extra_end = extra_.begin() + static_cast<std::ptrdiff_t>(known_extra_);
    return std::any_of(extra_.begin(), extra_end, same) ||
           std::any_of(named_.begin(), named_.end(),
                       [&](const auto& entry) { return same(entry.second); });
  }

  const Files& files_;
  std::map<std::string, AddedToken> named_;
  std::map<std::int64_t, AddedToken> by_id_;
  std::vector<AddedToken> extra_;
  std::size_t known_extra_ = 0;  // how many of them tokenizer_config.json lists
};

void read_vocab(const fs::path& file, const json& entries, TokenizerFiles& files) {
  if (!entries.is_object()) fail(file, "the vocabulary must be an object of token: id");
  for (const auto& [token, id] : entries.items()) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > std::numeric_limits<int>::max())
      fail(file, fmt::format("token {} has id {}; a whole number is expected", token, id.dump()));
    files.vocab.emplace(token, id.get<std::int64_t>());
  }
  if (files.vocab.empty()) fail(file, "the vocabulary is empty");
}

void add_merge(const fs::path& file, const std::string& text, TokenizerFiles& files) {
  const std::size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
    fail(file, fmt::format("merge {} \"{}\" is not two tokens", files.merges.size() + 1, text));
  files.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
}

void read_merges_txt(const fs::path& file, const std::string& text, TokenizerFiles& files) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.starts_with("#version")) add_merge(file, line, files);
  }
}

void read_model(const fs::path& file, const json& tokenizer_json, TokenizerFiles& files) {
  const auto model = tokenizer_json.find("model");
  if (model == tokenizer_json.end() || !model->is_object()) fail(file, "has no model");
  if (const auto type = model->find("type"); type != model->end() && *type != "BPE")
    fail(file, fmt::format("model type {} is not supported; allowed: BPE", type->dump()));
  if (!model->contains("vocab") || !model->contains("merges"))
    fail(file, "the model has no vocab or no merges");
  read_vocab(file, (*model)["vocab"], files);
  for (const json& merge : (*model)["merges"]) {
    if (merge.is_string()) {
      add_merge(file, merge.get<std::string>(), files);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      files.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
    } else {
      fail(file, fmt::format("merge {} is not two tokens", files.merges.size() + 1));
    }
  }
}

int read_max_length(const fs::path& file, const json& config, int fallback) {
  const auto found = config.find("model_max_length");
  if (found == config.end() || found->is_null()) return fallback;
  const double length = found->is_number() ? found->get<double>() : 0;
  if (length > 1e9) return fallback;  // transformers writes 1e30 for "unknown"
  if (length < 2 || length > longest_prompt || length != static_cast<int>(length))
    fail(file, fmt::format("model_max_length = {}; allowed: whole numbers from 2 to {}",
                           found->dump(), longest_prompt));
  return static_cast<int>(length);
}

// Ids of the vocabulary where it has the token, the next free one elsewhere.
void number_tokens(std::vector<AddedToken>& tokens,
                   const std::unordered_map<std::string, std::int64_t>& vocab) {
  auto next = static_cast<std::int64_t>(vocab.size());
  for (AddedToken& token : tokens) {
    const auto found = vocab.find(token.content);
    token.id = found == vocab.end() ? next : found->second;
    next = std::max(next, token.id + 1);
  }
}

}  // namespace

TokenizerFiles read_tokenizer_files(const fs::path& folder, const ReadTokenizerFile& read) {
  const Files source(folder, read);
  const fs::path config_file = source.path("tokenizer_config.json");
  const json config = source.object_if_there("tokenizer_config.json");
  const json tokenizer_json = source.object_if_there("tokenizer.json");

  TokenizerFiles files;
  if (source.has("tokenizer.json")) {
    read_model(source.path("tokenizer.json"), tokenizer_json, files);
  } else {
    if (!source.has("vocab.json"))
      fail(folder, "no tokenizer here: neither vocab.json nor tokenizer.json");
    read_vocab(source.path("vocab.json"), source.object("vocab.json"), files);
    read_merges_txt(source.path("merges.txt"), source.text("merges.txt"), files);
  }
  for (const char* side : {"padding_side", "truncation_side"})
    if (const auto found = config.find(side); found != config.end() && *found != "right")
      fail(config_file,
           fmt::format("{} = {} is not supported; allowed: right", side, found->dump()));
  files.max_length = read_max_length(config_file, config, files.max_length);

  TokenCollector tokens(source);
  tokens.read(config, tokenizer_json);
  files.added_tokens = tokens.all();
  number_tokens(files.added_tokens, files.vocab);
  const auto id_of = [&](const char* key) {
    const std::string& content = tokens.named(key).content;
    for (const AddedToken& token : files.added_tokens)
      if (token.content == content) return token.id;
    fail(config_file, fmt::format("{} must not be empty", key));
  };
  files.bos = id_of("bos_token");
  files.eos = id_of("eos_token");
  files.pad = id_of("pad_token");
  files.unk = id_of("unk_token");
  return files;
}

}  // namespace dream::engine
