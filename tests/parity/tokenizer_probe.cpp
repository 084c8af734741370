// Tokenizes for the parity test: tokenizer_probe FOLDER (tokenize|encode). One JSON object
// {"hex": bytes} per line in, the ids of each as one JSON list per line out.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "sdk/engine/text/tokenizer.hpp"

namespace {

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: tokenizer_probe FOLDER (tokenize|encode)\n";
    return 64;
  }
  try {
    const auto tokenizer = dream::engine::ClipTokenizer::load(argv[1]);
    const bool whole = std::string(argv[2]) == "encode";
    for (std::string line; std::getline(std::cin, line);) {
      const std::string text = from_hex(nlohmann::json::parse(line).at("hex"));
      std::cout << nlohmann::json(whole ? tokenizer.encode(text) : tokenizer.tokenize(text)).dump()
                << '\n';
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
