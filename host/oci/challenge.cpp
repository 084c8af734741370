#include "host/oci/challenge.hpp"

#include <algorithm>

#include "host/base/text.hpp"

namespace dream::host::oci {
namespace {

constexpr std::size_t most_challenges = 16;

// Reads a header from left to right.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  void skip(std::string_view characters) {
    at_ = std::min(text_.find_first_not_of(characters, at_), text_.size());
  }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view token() {
    const std::size_t end = std::min(text_.find_first_of(" \t,=\"", at_), text_.size());
    const std::string_view found = text_.substr(at_, end - at_);
    at_ = end;
    return found;
  }
  // What follows a "=": a token or a quoted string.
  std::string value() {
    if (!take('"')) return std::string(token());
    std::string text;
    while (!at_end() && text_[at_] != '"') {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      text += text_[at_++];
    }
    take('"');
    return text;
  }
  std::size_t position() const { return at_; }
  void go_back(std::size_t position) { at_ = position; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

constexpr std::string_view blanks = " \t";
constexpr std::string_view separators = " \t,";

}  // namespace

std::vector<Challenge> parse_challenges(std::string_view header) {
  std::vector<Challenge> found;
  Reader reader(header);
  for (reader.skip(separators); !reader.at_end() && found.size() < most_challenges;
       reader.skip(separators)) {
    const std::string_view scheme = reader.token();
    if (scheme.empty()) break;
    Challenge challenge{lower(scheme), {}};
    for (;;) {
      reader.skip(separators);
      const std::size_t before = reader.position();
      const std::string name = lower(reader.token());
      reader.skip(blanks);
      if (name.empty() || !reader.take('=')) {  // the next challenge's scheme
        reader.go_back(before);
        break;
      }
      reader.skip(blanks);
      challenge.parameters[name] = reader.value();
    }
    found.push_back(std::move(challenge));
  }
  return found;
}

}  // namespace dream::host::oci
