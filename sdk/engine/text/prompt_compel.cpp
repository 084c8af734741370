// The grammar of compel 2.5.1 (its prompt_parser.py), alternatives tried in the same order. compel
// backtracks; here every alternative is tried once per character and remembered.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "sdk/engine/text/prompt_syntax.hpp"

namespace dream::engine {
namespace {

using Texts = std::vector<WeightedText>;
constexpr auto npos = std::string_view::npos;

struct Node;
using Nodes = std::vector<std::shared_ptr<const Node>>;

struct Node {
  enum class Kind { text, attention, swap, lora } kind = Kind::text;
  std::string text{};   // or the LoRA's name
  double weight = 1.0;  // of attention and LoRA
  Nodes children{};
};

struct Match {
  std::size_t end = 0;
  Nodes nodes;
};
using Matched = std::optional<Match>;

struct Blend {
  std::size_t end = 0;
  std::vector<Nodes> prompts;
  std::vector<double> weights;
  bool normalize = true, conjunction = false;
};

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}
bool is_syntax(char c) {
  return std::string_view("()\",.+-=").find(c) != npos;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_key(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t done = 0;
  for (auto at = text.find(from); at != npos; at = text.find(from, done)) {
    out.append(text, done, at - done).append(to);
    done = at + from.size();
  }
  text = out.append(text, done);
}

std::string unescaped(std::string text) {
  for (const std::string_view escaped : {"\\(", "\\)", "\\\""})
    replace_all(text, escaped, escaped.substr(1));
  return text;
}

std::shared_ptr<const Node> text_node(std::string_view text) {
  return std::make_shared<const Node>(Node{.text = unescaped(std::string(text))});
}

class Grammar {
 public:
  Grammar(std::string text, int depth) : text_(std::move(text)), depth_(depth) {}

  std::size_t skip(std::size_t at) const {
    while (at < text_.size() && is_space(text_[at])) ++at;
    return at;
  }
  bool ended(std::size_t at) const { return skip(at) == text_.size(); }

  // A prompt: anything that is no syntax is text up to the next space.
  Match prompt(std::size_t at) {
    Match all{at, {}};
    while (!ended(all.end)) {
      const auto from = skip(all.end);
      Matched next = swap(from);
      if (!next) next = lora(from);
      if (!next) next = attention(from);
      if (!next) next = quoted(from);
      if (!next) next = bracketed(from);
      if (!next) {
        auto end = from;
        while (end < text_.size() && !is_space(text_[end])) ++end;
        next = Match{end, {text_node(view(from, end))}};
      }
      append(all, std::move(*next));
    }
    return all;
  }

  // What may stand in brackets or quotes.
  Match fragments(std::size_t at, bool commas) {
    Match all{at, {}};
    for (;;) {
      const auto from = skip(all.end);
      Matched next = lora(from);
      if (!next) next = attention(from);
      if (!next) next = swap(from);
      if (!next) next = bracketed(from);
      if (!next) next = quoted(from);
      if (!next) next = word(from);
      if (!next && commas && from < text_.size() && (text_[from] == ',' || text_[from] == '.')) {
        next = Match{from + 1, {text_node(view(from, from + 1))}};
      }
      if (!next) return all;
      append(all, std::move(*next));
    }
  }

  // `(target, target).blend(options)`, or `.and(…)`.
  std::optional<Blend> blend(std::size_t at, bool conjunction) {
    auto from = literal(at, "(");
    if (!from) return std::nullopt;
    Blend found;
    for (;;) {
      Matched one = target(*from);
      if (!one) one = quoted_prompt(*from);
      if (!one) return std::nullopt;
      found.prompts.push_back(std::move(one->nodes));
      from = one->end;
      if (const auto comma = literal(*from, ",")) from = comma;
      else break;
    }
    from = literal(*from, ")");
    if (!from) return std::nullopt;
    auto name = literal(*from, conjunction ? ".and" : ".blend");
    if (!name && conjunction) name = literal(*from, ".add");
    if (!name) return std::nullopt;
    from = literal(*name, "(");
    if (!from) return std::nullopt;
    const auto listed = options(*from);
    from = literal(listed.first, ")");
    if (!from) return std::nullopt;
    found.end = *from;
    found.conjunction = conjunction;
    take_weights(found, listed.second, *name);
    return found;
  }

  Matched lora(std::size_t at) const {
    auto from = literal(at, "useLora");
    if (!from) from = literal(at, "withLora");
    if (from) from = literal(*from, "(");
    if (!from) return std::nullopt;
    const auto name = keyword(*from);
    if (!name) return std::nullopt;
    Node node{.kind = Node::Kind::lora,
              .text = std::string(view(skip(*from), *name))};
    from = name;
    if (const auto comma = literal(*from, ",")) {
      if (const auto end = number(*comma, node.weight)) from = end;
    }
    from = literal(*from, ")");
    if (!from) return std::nullopt;
    return Match{*from, {std::make_shared<const Node>(std::move(node))}};
  }

 private:
  using Rule = Matched (Grammar::*)(std::size_t);

  std::string_view view(std::size_t from, std::size_t end) const {
    return std::string_view(text_).substr(from, end - from);
  }

  static void append(Match& all, Match next) {
    all.end = next.end;
    all.nodes.insert(all.nodes.end(), next.nodes.begin(), next.nodes.end());
  }

  std::optional<std::size_t> literal(std::size_t at, std::string_view text) const {
    at = skip(at);
    if (!std::string_view(text_).substr(at).starts_with(text)) return std::nullopt;
    return at + text.size();
  }

  std::optional<std::size_t> keyword(std::size_t at) const {
    const auto from = skip(at);
    at = from;
    while (at < text_.size() && is_key(text_[at])) ++at;
    return at == from ? std::nullopt : std::optional(at);
  }

  // 1.3, .5, 2., +1.0 or -3: the end, and the value.
  std::optional<std::size_t> number(std::size_t at, double& value) const {
    const auto from = skip(at);
    auto end = from;
    const bool sign = end < text_.size() && (text_[end] == '+' || text_[end] == '-');
    if (sign) ++end;
    const auto digits = [&] {
      const auto first = end;
      while (end < text_.size() && is_digit(text_[end])) ++end;
      return end - first;
    };
    const auto whole = digits();
    if (end < text_.size() && text_[end] == '.' &&
        (whole > 0 || (end + 1 < text_.size() && is_digit(text_[end + 1])))) {
      ++end;
      digits();
    } else if (whole == 0 || (sign && text_[from] == '+')) {
      return std::nullopt;
    }
    const bool plus = text_[from] == '+';
    const auto result = std::from_chars(text_.data() + from + (plus ? 1 : 0), text_.data() + end,
                                        value, std::chars_format::fixed);
    if (result.ec != std::errc()) value = INFINITY;  // refused where weights are looked at
    return end;
  }

  template <typename Make>
  Matched remember(int rule, std::size_t at, Make make) {
    const auto key = std::pair(at, rule);
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    Matched made = make();
    return known_[key] = std::move(made);
  }

  // A word without syntax, but for escapes and signs inside it.
  Matched word(std::size_t at) {
    const auto from = skip(at);
    auto end = from;
    while (end < text_.size()) {
      const char c = text_[end];
      const bool more = end + 1 < text_.size();
      if (c == '\\' && more && is_syntax(text_[end + 1])) {
        end += 2;
      } else if ((c == '+' || c == '-') && more && !is_space(text_[end + 1]) &&
                 !is_syntax(text_[end + 1])) {
        ++end;
      } else if (!is_space(c) && !is_syntax(c)) {
        ++end;
      } else {
        break;
      }
    }
    if (end == from) return std::nullopt;
    return Match{end, {text_node(view(from, end))}};
  }

  Matched bracketed(std::size_t at) {
    return remember(0, skip(at), [&]() -> Matched {
      auto from = literal(at, "(");
      if (!from) return std::nullopt;
      if (depth_ >= max_prompt_depth) {
        throw InvalidInput(fmt::format("prompt: the bracket at character {} is nested more than {} "
                                       "deep; write \\( for a bracket without meaning",
                                       *from, max_prompt_depth));
      }
      ++depth_;
      Match inside = fragments(*from, true);
      --depth_;
      const auto end = literal(inside.end, ")");
      if (!end) return std::nullopt;
      return Match{*end, std::move(inside.nodes)};
    });
  }

  // The text between the quotes at `at`, and where it ends.
  std::optional<std::pair<std::size_t, std::string>> quotation(std::size_t at) const {
    const auto open = skip(at);
    if (open >= text_.size() || text_[open] != '"') return std::nullopt;
    std::size_t end = open + 1, last_escaped = npos;
    for (; end < text_.size() && text_[end] != '\n' && text_[end] != '\r'; ++end) {
      if (text_[end] == '"' && text_[end - 1] == '\\' && end - 1 > open) last_escaped = end;
      else if (text_[end] == '"') break;
    }
    if (end >= text_.size() || text_[end] != '"') {
      if (last_escaped == npos) return std::nullopt;
      end = last_escaped;  // an escaped quote ends the text where no other does
    }
    std::string inside(view(open + 1, end));
    for (const std::string_view blank : {"\\t", "\\n", "\\f", "\\r"})
      replace_all(inside, blank, " ");
    replace_all(inside, "\\\"", "\"");
    return std::pair(end + 1, std::move(inside));
  }

  Matched quoted(std::size_t at) {
    return remember(1, skip(at), [&] { return inside_quotes(at, false); });
  }
  Matched quoted_prompt(std::size_t at) { return inside_quotes(at, true); }

  Matched inside_quotes(std::size_t at, bool free) {
    auto quote = quotation(at);
    if (!quote) return std::nullopt;
    auto& [end, inside] = *quote;
    replace_all(inside, "\"", "\\\"");
    Grammar inner(std::move(inside), depth_ + 1);
    if (inner.ended(0)) return Match{end, {text_node("")}};
    Match content = free ? inner.prompt(0) : inner.fragments(0, true);
    if (!inner.ended(content.end)) return std::nullopt;
    return Match{end, std::move(content.nodes)};
  }

  Matched target(std::size_t at) {
    if (auto found = quoted(at)) return found;
    if (auto found = bracketed(at)) return found;
    return word(at);
  }

  static Match attended(std::size_t end, double weight, Nodes children) {
    return {end,
            {std::make_shared<const Node>(Node{.kind = Node::Kind::attention,
                                               .weight = weight,
                                               .children = std::move(children)})}};
  }

  // `++`, `--` or, where allowed, a number: the end, and the weight.
  std::optional<std::size_t> weight_of(std::size_t at, bool numbers, double& weight) const {
    at = skip(at);
    if (at < text_.size() && (text_[at] == '+' || text_[at] == '-')) {
      const char sign = text_[at];
      auto end = at;
      while (end < text_.size() && text_[end] == sign) ++end;
      weight = std::pow(sign == '+' ? 1.1 : 0.9, static_cast<double>(end - at));
      return end;
    }
    return numbers ? number(at, weight) : std::nullopt;
  }

  Matched attention(std::size_t at) {
    return remember(2, skip(at), [&]() -> Matched {
      Matched one = target(at);
      double weight = 1.0;
      if (one) {
        auto from = literal(one->end, ".attend");
        if (from) from = literal(*from, "(");
        if (from) from = weight_of(*from, true, weight);
        if (from) from = literal(*from, ")");
        if (from) return attended(*from, weight, std::move(one->nodes));
      }
      Matched group = quoted(at);
      if (!group) group = bracketed(at);
      if (auto done = followed_by_weight(group, true)) return done;
      return followed_by_weight(word(at), false);
    });
  }

  Matched followed_by_weight(Matched one, bool numbers) const {
    double weight = 1.0;
    if (!one || one->end >= text_.size() || is_space(text_[one->end])) return std::nullopt;
    const auto end = weight_of(one->end, numbers, weight);
    if (!end) return std::nullopt;
    return attended(*end, weight, std::move(one->nodes));
  }

  Matched swap(std::size_t at) {
    return remember(3, skip(at), [&]() -> Matched {
      const Matched one = target(at);
      if (!one) return std::nullopt;
      auto from = literal(one->end, ".swap");
      if (from) from = literal(*from, "(");
      if (!from) return std::nullopt;
      from = fragments(*from, false).end;
      if (const auto comma = literal(*from, ",")) from = options(*comma).first;
      from = literal(*from, ")");
      if (!from) return std::nullopt;
      auto node = std::make_shared<const Node>(
          Node{.kind = Node::Kind::swap, .text = std::to_string(skip(at) + 1)});
      return Match{*from, {std::move(node)}};
    });
  }

  // `0.7, no_normalize, key=value`: each option's text.
  std::pair<std::size_t, std::vector<std::string>> options(std::size_t at) const {
    std::vector<std::string> list;
    auto end = at;
    for (auto from = at;;) {
      double ignored = 0;
      std::optional<std::size_t> stop;
      if (const auto key = keyword(from)) {
        if (const auto equals = literal(*key, "=")) {
          stop = number(*equals, ignored);
          if (!stop) stop = keyword(*equals);
        }
      }
      if (!stop) stop = number(from, ignored);
      if (!stop) stop = keyword(from);
      if (!stop) return {end, std::move(list)};
      list.emplace_back(view(skip(from), *stop));
      end = *stop;
      const auto comma = literal(end, ",");
      if (!comma) return {end, std::move(list)};
      from = *comma;
    }
  }

  static void take_weights(Blend& found, std::vector<std::string> list, std::size_t at) {
    const std::string_view name = found.conjunction ? ".and" : ".blend";
    if (!found.conjunction && !list.empty() && list.back() == "no_normalize") {
      found.normalize = false;
      list.pop_back();
    }
    for (const std::string& text : list) {
      const Grammar reader(text, 0);
      double weight = 0;
      const auto end = reader.number(0, weight);
      if (!end || *end != text.size()) {
        throw InvalidInput(fmt::format("prompt: '{}' in {}() before character {} is no weight; "
                                       "allowed are numbers{}",
                                       text, name, at + 1,
                                       found.conjunction ? "" : " and, at the end, no_normalize"));
      }
      found.weights.push_back(checked_weight(weight, fmt::format("a weight of {}()", name)));
    }
    if (found.weights.empty()) found.weights.assign(found.prompts.size(), 1.0);
    if (found.weights.size() != found.prompts.size()) {
      throw InvalidInput(fmt::format("prompt: {}() at character {} has {} weights for {} prompts",
                                     name, at + 1, found.weights.size(), found.prompts.size()));
    }
    double sum = 0;
    for (const double weight : found.weights) sum += weight;
    if (!found.conjunction && found.normalize && std::abs(sum) < 1e-6) {
      throw InvalidInput(fmt::format("prompt: the weights of .blend() at character {} sum to 0; "
                                     "with no_normalize they may", at + 1));
    }
  }

  std::string text_;
  int depth_;
  std::map<std::pair<std::size_t, int>, Matched> known_;
};

// Walks the tree: texts with the product of the weights around them, and LoRAs.
void flatten(const Nodes& nodes, double scale, Texts& texts, std::vector<PromptLora>& loras) {
  for (const auto& node : nodes) {
    switch (node->kind) {
      case Node::Kind::text:
        texts.push_back({unescaped(node->text), checked_weight(scale, "a weight")});
        break;
      case Node::Kind::attention:
        flatten(node->children, scale * node->weight, texts, loras);
        break;
      case Node::Kind::lora:
        loras.push_back({node->text, checked_weight(node->weight, "withLora(" + node->text + ")")});
        break;
      case Node::Kind::swap:
        throw InvalidInput(fmt::format(
            "prompt: .swap() after character {}: this engine does not steer cross attention; ask "
            "for one of the two prompts, or mix both with (\"…\", \"…\").blend(1, 1)",
            node->text));
    }
  }
}

Texts flat_prompt(const Nodes& nodes, std::vector<PromptLora>& loras) {
  Texts texts, fused;
  flatten(nodes, 1.0, texts, loras);
  for (WeightedText& text : texts) {
    if (!fused.empty() && fused.back().weight == text.weight) {
      fused.back().text += ' ' + unescaped(std::move(text.text));
    } else {
      fused.push_back(std::move(text));
    }
  }
  return fused;
}

// A space after every comma, as compel does before it parses.
std::string spaced_commas(std::string_view prompt) {
  std::string out;
  for (std::size_t i = 0; i < prompt.size(); ++i) {
    out += prompt[i];
    if (prompt[i] != ',' || i + 1 == prompt.size() || is_space(prompt[i + 1])) continue;
    out += ' ';
    out += prompt[++i];
  }
  return out;
}

CompelPart part_of(Blend blend, std::vector<PromptLora>& loras) {
  CompelPart part{{}, std::move(blend.weights), blend.normalize, 1.0};
  for (const Nodes& nodes : blend.prompts) part.prompts.push_back(flat_prompt(nodes, loras));
  return part;
}

void nothing_after(const Grammar& grammar, std::size_t at, std::string_view what) {
  if (grammar.ended(at)) return;
  throw InvalidInput(fmt::format(
      "prompt: text after {} at character {}; it must be the whole prompt", what, at + 1));
}

}  // namespace

CompelPrompt parse_compel(std::string_view prompt) {
  Grammar grammar(spaced_commas(take_loras(prompt).prompt), 0);
  CompelPrompt parsed;
  if (auto all = grammar.blend(0, true)) {
    nothing_after(grammar, all->end, ".and()");
    for (std::size_t i = 0; i < all->prompts.size(); ++i) {
      CompelPart part{{flat_prompt(all->prompts[i], parsed.loras)}, {1.0}, true, all->weights[i]};
      if (!part.prompts.front().empty()) parsed.parts.push_back(std::move(part));
    }
  } else {
    std::size_t at = 0;
    Nodes first;
    while (auto lora = grammar.lora(at)) {
      first.push_back(lora->nodes.front());
      at = lora->end;
    }
    Texts none;
    flatten(first, 1.0, none, parsed.loras);
    if (auto blend = grammar.blend(at, false)) {
      auto end = blend->end;
      Nodes last;
      while (auto lora = grammar.lora(end)) {
        last.push_back(lora->nodes.front());
        end = lora->end;
      }
      nothing_after(grammar, end, ".blend()");
      parsed.parts.push_back(part_of(std::move(*blend), parsed.loras));
      flatten(last, 1.0, none, parsed.loras);
    } else {
      parsed.parts.push_back(
          {{flat_prompt(grammar.prompt(at).nodes, parsed.loras)}, {1.0}, true, 1.0});
    }
  }
  if (parsed.parts.empty()) parsed.parts.push_back({{{}}, {1.0}, true, 1.0});
  return parsed;
}

}  // namespace dream::engine
