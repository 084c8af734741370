// Healthy helper: takes an input of every type and gives all of them back as one JSON object.
#include <cstdio>
#include <dream/template.hpp>
#include <memory>

namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string number_text(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", number);
  return text;
}

template <class T, class Render>
std::string or_null(const std::optional<T>& value, Render render) {
  return value ? render(*value) : std::string("null");
}

// Size of a file in bytes, and its content if it is small.
std::string file_json(const dream::File& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file.path.c_str(), "rb"),
                                                           std::fclose);
  if (!in) throw dream::InvalidInput("file: cannot read " + file.path);
  std::string small(1024, '\0');
  small.resize(std::fread(small.data(), 1, small.size(), in.get()));
  std::fseek(in.get(), 0, SEEK_END);
  const long size = std::ftell(in.get());
  std::string json = "{\"size\":" + std::to_string(size);
  if (size < 1024) json += ",\"content\":" + quoted(small);
  return json + "}";
}

class Echo {
 public:
  struct Inputs {
    std::string text;
    double number;
    int count;
    bool flag;
    std::string choice;
    std::vector<int> numbers;
    std::optional<std::string> note;
    std::optional<dream::Secret> secret;
    std::optional<dream::File> file;
    std::optional<dream::Json> any;
    std::optional<std::variant<std::string, int>> either;
  };

  static void describe(dream::Schema<Inputs>& s) {
    s.in(&Inputs::text, "text").doc("Any text");
    s.in(&Inputs::number, "number").doc("A number").def(1.5).ge(0).le(10);
    s.in(&Inputs::count, "count").doc("A whole number").def(3).ge(0).le(100);
    s.in(&Inputs::flag, "flag").doc("True or false").def(false);
    s.in(&Inputs::choice, "choice").doc("One of three").def("a").choices({"a", "b", "c"});
    s.in(&Inputs::numbers, "numbers").doc("A list of whole numbers").def({});
    s.in(&Inputs::note, "note").doc("A text that may be left out");
    s.in(&Inputs::secret, "secret").doc("Never shown");
    s.in(&Inputs::file, "file").doc("A file");
    s.in(&Inputs::any, "any").doc("Any JSON");
    s.in(&Inputs::either, "either").doc("A text or a whole number");
    s.output<dream::Json>();
    s.max_concurrency(8);
  }

  void run(const Inputs& in, dream::Run& run) {
    std::string numbers;
    for (const int number : in.numbers) {
      numbers += (numbers.empty() ? "" : ",") + std::to_string(number);
    }
    const auto text = [](const std::string& value) { return quoted(value); };
    const auto hidden = [](const dream::Secret&) { return std::string("\"***\""); };
    const auto json = [](const dream::Json& value) { return value.text; };
    const auto either = [](const std::variant<std::string, int>& value) {
      const auto* string = std::get_if<std::string>(&value);
      return string != nullptr ? quoted(*string) : std::to_string(std::get<int>(value));
    };
    run.emit(dream::Json{"{\"text\":" + quoted(in.text) +               //
                         ",\"number\":" + number_text(in.number) +      //
                         ",\"count\":" + std::to_string(in.count) +     //
                         ",\"flag\":" + (in.flag ? "true" : "false") +  //
                         ",\"choice\":" + quoted(in.choice) +           //
                         ",\"numbers\":[" + numbers + "]" +             //
                         ",\"note\":" + or_null(in.note, text) +        //
                         ",\"secret\":" + or_null(in.secret, hidden) +  //
                         ",\"file\":" + or_null(in.file, file_json) +   //
                         ",\"any\":" + or_null(in.any, json) +          //
                         ",\"either\":" + or_null(in.either, either) + "}"});
  }
};

}  // namespace

DREAM_TEMPLATE(Echo, "echo", "1.0.0", "Gives back its inputs as one JSON object.")
