// Healthy helper: takes an input of every type and gives all of them back as one JSON object.
#include <cstdio>
#include <dream/template.hpp>
#include <memory>

namespace {

// A file as {"size": bytes, "content": text}, the content only if it is small.
void write_file(dream::JsonWriter& json, const std::optional<dream::File>& file) {
  if (!file) return static_cast<void>(json.null());
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file->path.c_str(), "rb"),
                                                           std::fclose);
  if (!in) throw dream::InvalidInput("file: cannot read " + file->path);
  std::string small(1024, '\0');
  small.resize(std::fread(small.data(), 1, small.size(), in.get()));
  std::fseek(in.get(), 0, SEEK_END);
  const long size = std::ftell(in.get());
  json.begin_object().member("size", size);
  if (size < 1024) json.member("content", small);
  json.end_object();
}

void write_either(dream::JsonWriter& json,
                  const std::optional<std::variant<std::string, int>>& either) {
  if (!either) return static_cast<void>(json.null());
  std::visit([&](const auto& value) { json.value(value); }, *either);
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
    dream::JsonWriter json;
    json.begin_object()
        .member("text", in.text)
        .member("number", in.number)
        .member("count", in.count)
        .member("flag", in.flag)
        .member("choice", in.choice)
        .member("numbers", in.numbers)
        .member("note", in.note)
        .member("secret", in.secret ? std::optional<std::string>("***") : std::nullopt);
    write_file(json.key("file"), in.file);
    json.member("any", in.any);
    write_either(json.key("either"), in.either);
    run.emit(json.end_object().json());
  }
};

}  // namespace

DREAM_TEMPLATE(Echo, "echo", "1.0.0", "Gives back its inputs as one JSON object.")
