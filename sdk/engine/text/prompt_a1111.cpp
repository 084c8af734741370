// The grammar of AUTOMATIC1111/stable-diffusion-webui as its wiki and prompt_parser describe it.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "sdk/engine/text/prompt_syntax.hpp"

namespace dream::engine {
namespace {

using Texts = std::vector<WeightedText>;

constexpr double round_bracket = 1.1;
constexpr double square_bracket = 1 / 1.1;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (c & '\x80') != 0;
}

std::optional<double> to_number(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value,
                                            std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// `<lora:name:0.8>`. A second number there is a strength for the UNet alone; here a LoRA has one.
PromptLora read_lora(std::string_view inside, std::size_t at) {
  const auto colon = inside.find(':');
  PromptLora lora{std::string(inside.substr(0, colon)), 1.0};
  if (colon != inside.npos) {
    const auto scale = to_number(inside.substr(colon + 1));
    if (!scale) {
      throw InvalidInput(fmt::format(
          "prompt: '<lora:{}>' at character {}: the scale must be one number, as in "
          "<lora:name:0.8>",
          inside, at + 1));
    }
    lora.scale = checked_weight(*scale, fmt::format("<lora:{}>", inside));
  }
  if (lora.name.empty()) {
    throw InvalidInput(
        fmt::format("prompt: '<lora:{}>' at character {} names no LoRA", inside, at + 1));
  }
  return lora;
}

// `[cat:dog:0.5]`, `[cat:0.5]` and `[cat|dog]` change the prompt between steps there. Taken as
// weights they would say something else, so they are refused.
void refuse_editing(std::string_view text) {
  struct Bracket {
    char kind;
    std::size_t at;
    std::size_t colon = std::string_view::npos;  // the last one of its own
    bool bar = false;
  };
  std::vector<Bracket> open;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') ++i;
    if (c == '(' || c == '[') open.push_back({c, i});
    if (open.empty()) continue;
    Bracket& inner = open.back();
    if (c == ':') inner.colon = i;
    if (c == '|') inner.bar = true;
    if (c != (inner.kind == '(' ? ')' : ']')) continue;
    const bool schedules = inner.kind == '[' && inner.colon != std::string_view::npos &&
                           to_number(text.substr(inner.colon + 1, i - inner.colon - 1));
    if (schedules || (inner.kind == '[' && inner.bar)) {
      throw InvalidInput(fmt::format(
          "prompt: '{}' at character {} would change the prompt between steps, which this engine "
          "does not do; write \\[ and \\] for brackets without meaning",
          text.substr(inner.at, i + 1 - inner.at), inner.at + 1));
    }
    open.pop_back();
  }
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::vector<Texts> read() {
    while (at_ < text_.size()) step();
    flush();
    close_all(round_, round_bracket);
    close_all(square_, square_bracket);
    return pieces();
  }

 private:
  struct Piece {
    std::string text;
    double weight = 1.0;
    bool is_break = false;
  };

  void step() {
    const char c = text_[at_];
    if (c == '\\' && at_ + 1 < text_.size() &&
        std::string_view("()[]\\").find(text_[at_ + 1]) != std::string_view::npos) {
      plain_ += text_[at_ + 1];
      at_ += 2;
    } else if (c == '\\') {
      at_ += 1;  // a backslash before anything else is dropped
    } else if (c == '(' || c == '[') {
      open(c == '(' ? round_ : square_);
    } else if (c == ':' && !round_.empty() && weight_end()) {
      const double weight = *to_number(text_.substr(at_ + 1, weight_end_ - at_ - 1));
      flush();
      close(round_, checked_weight(weight, "a weight of the prompt"));
      at_ = weight_end_ + 1;
    } else if ((c == ')' && !round_.empty()) || (c == ']' && !square_.empty())) {
      flush();
      close(c == ')' ? round_ : square_, c == ')' ? round_bracket : square_bracket);
      ++at_;
    } else if (at_break()) {
      while (!plain_.empty() && is_space(plain_.back())) plain_.pop_back();
      flush();
      pieces_.push_back({"", 1.0, true});
      at_ += 5;
      while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    } else {
      plain_ += c;
      ++at_;
    }
  }

  // Is this colon the one of `:1.2)`? Then weight_end_ is its bracket.
  bool weight_end() {
    std::size_t i = at_ + 1;
    while (i < text_.size() && (is_space(text_[i]) || text_[i] == '+' || text_[i] == '-' ||
                                text_[i] == '.' || (text_[i] >= '0' && text_[i] <= '9'))) {
      ++i;
    }
    weight_end_ = i;
    return i < text_.size() && text_[i] == ')' && to_number(text_.substr(at_ + 1, i - at_ - 1));
  }

  bool at_break() const {
    return text_.substr(at_).starts_with("BREAK") && (at_ == 0 || !is_word(text_[at_ - 1])) &&
           (at_ + 5 == text_.size() || !is_word(text_[at_ + 5]));
  }

  void open(std::vector<std::size_t>& brackets) {
    flush();
    if (round_.size() + square_.size() >= static_cast<std::size_t>(max_prompt_depth)) {
      throw InvalidInput(fmt::format("prompt: the bracket at character {} is nested more than {} "
                                     "deep; write \\( and \\[ for brackets without meaning",
                                     at_ + 1, max_prompt_depth));
    }
    brackets.push_back(pieces_.size());
    ++at_;
  }

  void close(std::vector<std::size_t>& brackets, double weight) {
    for (std::size_t i = brackets.back(); i < pieces_.size(); ++i) pieces_[i].weight *= weight;
    brackets.pop_back();
  }

  void close_all(std::vector<std::size_t>& brackets, double weight) {
    while (!brackets.empty()) close(brackets, weight);
  }

  void flush() {
    if (plain_.empty()) return;
    pieces_.push_back({std::exchange(plain_, {}), 1.0, false});
  }

  std::vector<Texts> pieces() const {
    std::vector<Texts> stretches(1);
    for (const Piece& piece : pieces_) {
      if (piece.is_break) {
        stretches.emplace_back();
        continue;
      }
      const double weight = checked_weight(piece.weight, "a weight of the prompt");
      Texts& texts = stretches.back();
      if (!texts.empty() && texts.back().weight == weight) {
        texts.back().text += piece.text;
      } else {
        texts.push_back({piece.text, weight});
      }
    }
    return stretches;
  }

  std::string_view text_;
  std::size_t at_ = 0, weight_end_ = 0;
  std::string plain_;
  std::vector<Piece> pieces_;
  std::vector<std::size_t> round_, square_;  // where the open brackets' pieces start
};

}  // namespace

double checked_weight(double weight, std::string_view what) {
  if (std::abs(weight) <= max_prompt_weight) return weight;
  throw InvalidInput(fmt::format("prompt: {} is {:g}; weights lie between -{:g} and {:g}", what,
                                 weight, max_prompt_weight, max_prompt_weight));
}

PromptLoras take_loras(std::string_view prompt) {
  constexpr std::string_view open = "<lora:";
  PromptLoras found;
  std::size_t done = 0;
  for (std::size_t at = prompt.find(open); at != prompt.npos; at = prompt.find(open, done)) {
    const auto close = prompt.find('>', at);
    if (close == prompt.npos) break;  // text like any other
    const auto inside = prompt.substr(at + open.size(), close - at - open.size());
    found.loras.push_back(read_lora(inside, at));
    found.prompt += prompt.substr(done, at - done);
    done = close + 1;
  }
  found.prompt += prompt.substr(done);
  return found;
}

std::optional<std::size_t> find_composition(std::string_view prompt) {
  constexpr std::string_view word = "AND";
  for (auto at = prompt.find(word); at != prompt.npos; at = prompt.find(word, at + 1)) {
    const auto end = at + word.size();
    const bool alone = (at == 0 || !is_word(prompt[at - 1])) &&
                       (end == prompt.size() || !is_word(prompt[end]));
    if (alone) return at;
  }
  return std::nullopt;
}

std::vector<std::vector<WeightedText>> parse_a1111(std::string_view prompt) {
  const std::string text = take_loras(prompt).prompt;
  refuse_editing(text);
  return Reader(text).read();
}

}  // namespace dream::engine
