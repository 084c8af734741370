// Arbitrary bytes as a file of torch.save. An input that is no zip is taken for the pickle inside
// one, so that the fuzzer need not keep offsets intact to reach the unpickler.
#include <string>

#include "tests/fuzz/weights_target.hpp"
#include "weights/formats/torch_zip.hpp"

namespace {

void add(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

// A zip of stored entries a/data.pkl and a/data/0, with 64 bytes of storage.
std::string wrap(std::string_view pickle) {
  const std::string storage(64, 'x');
  const std::pair<std::string, std::string_view> entries[] = {{"a/data.pkl", pickle},
                                                              {"a/data/0", storage}};
  std::string file;
  std::string directory;
  for (const auto& [name, content] : entries) {
    const std::size_t offset = file.size();
    add(file, 0x04034b50, 4);
    file.append(22, '\0');
    add(file, name.size(), 2);
    add(file, 0, 2);
    file += name;
    file += content;
    add(directory, 0x02014b50, 4);
    directory.append(16, '\0');
    add(directory, content.size(), 4);
    add(directory, content.size(), 4);
    add(directory, name.size(), 2);
    directory.append(12, '\0');
    add(directory, offset, 4);
    directory += name;
  }
  const std::size_t offset = file.size();
  file += directory;
  add(file, 0x06054b50, 4);
  add(file, 0, 4);
  add(file, 2, 2);
  add(file, 2, 2);
  add(file, directory.size(), 4);
  add(file, offset, 4);
  add(file, 0, 2);
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.starts_with("PK")) {
    dream::fuzz::run_reader(data, size, dream::weights::read_torch_zip);
  } else {
    const std::string file = wrap(input);
    dream::fuzz::run_reader(reinterpret_cast<const std::uint8_t*>(file.data()), file.size(),
                            dream::weights::read_torch_zip);
  }
  return 0;
}
