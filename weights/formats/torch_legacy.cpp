#include "weights/formats/torch_legacy.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "weights/formats/byte_reader.hpp"
#include "weights/formats/pickle.hpp"
#include "weights/formats/text.hpp"
#include "weights/formats/torch_flatten.hpp"

namespace dream::weights {
namespace {

using pickle::Kind;
using pickle::Value;
using std::string_view_literals::operator""sv;

constexpr auto magic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv;  // 0x1950a86a20f9469cfc6c
constexpr std::int64_t protocol = 1001;

class LegacyFile {
 public:
  explicit LegacyFile(const FileBytes& file) : file_(file) {}

  WeightFile read() {
    const pickle::Document number = next("magic number");
    if (number.root->kind != Kind::big_integer || number.root->text != magic)
      fail("does not start with the magic number of torch.save");
    const pickle::Document version = next("version");
    if (version.root->kind != Kind::integer || version.root->integer != protocol)
      fail(fmt::format("is of a version other than {}", protocol));
    check_byte_order(next("machine"));
    const pickle::Document object = next("object");
    read_storages(object, next("storage keys"));
    return flatten_torch(file_, Format::torch_legacy, object, [this](const std::string& key) {
      const auto found = storages_.find(key);
      if (found == storages_.end()) fail(fmt::format("storage '{}' is missing", printable(key)));
      return StorageBytes{found->second, file_.owner};
    });
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}: {}", file_.name, what));
  }

  // Gigabytes of storages may follow a pickle, so only its own limit counts.
  pickle::Document next(std::string_view what) {
    std::span<const std::byte> rest = file_.data.subspan(position_);
    rest = rest.first(std::min(rest.size(), pickle::Limits{}.bytes));
    pickle::Document document = pickle::read(rest, fmt::format("{}: {}", file_.name, what));
    position_ += document.bytes;
    return document;
  }

  void check_byte_order(const pickle::Document& machine) const {
    const std::vector<Value*>& items = machine.root->items;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      if (items[i]->kind == Kind::string && items[i]->text == "little_endian" &&
          items[i + 1]->integer != 1)
        fail("was written in big-endian byte order, only little-endian files can be read");
    }
  }

  // How wide a storage's elements are stands only where a tensor refers to it.
  std::map<std::string_view, std::size_t> element_sizes(const pickle::Document& object) const {
    std::map<std::string_view, std::size_t> sizes;
    for (const Value& value : object.values) {
      if (value.kind != Kind::persistent || value.arguments->kind != Kind::tuple) continue;
      const std::vector<Value*>& id = value.arguments->items;
      if (id.size() < 5 || id[2]->kind != Kind::string) continue;
      const std::string key = printable(id[2]->text);
      const std::size_t bytes = torch_storage_element_bytes(*id[1]);
      if (bytes == 0)
        fail(fmt::format("storage '{}' is of {}, which is not executed", key,
                         pickle::describe(*id[1])));
      if (id.size() > 5 && id[5]->kind != Kind::none)
        fail(fmt::format("storage '{}' is a part of another one, which is not supported", key));
      if (const auto [place, is_new] = sizes.emplace(id[2]->text, bytes);
          !is_new && place->second != bytes)
        fail(fmt::format("storage '{}' is referred to with two element sizes", key));
    }
    return sizes;
  }

  void read_storages(const pickle::Document& object, const pickle::Document& keys) {
    const auto sizes = element_sizes(object);
    if (keys.root->kind != Kind::list) fail("has no list of storage keys");
    ByteReader reader(file_.data, position_);
    for (const Value* key : keys.root->items) {
      if (key->kind != Kind::string) fail("has a storage key that is not a string");
      const auto size = sizes.find(key->text);
      if (size == sizes.end())
        fail(fmt::format("no tensor refers to storage '{}'", printable(key->text)));
      try {
        const auto count = reader.number<std::uint64_t>();
        if (count > reader.remaining() / size->second) throw ByteReader::EndOfData();
        storages_[std::string(key->text)] = reader.bytes(count * size->second);
      } catch (const ByteReader::EndOfData&) {
        fail(fmt::format("ends inside storage '{}' (truncated?)", printable(key->text)));
      }
    }
  }

  const FileBytes& file_;
  std::size_t position_ = 0;
  std::map<std::string, std::span<const std::byte>, std::less<>> storages_;
};

}  // namespace

bool looks_like_torch_legacy(std::span<const std::byte> data) {
  const std::string_view start(reinterpret_cast<const char*>(data.data()),
                               std::min<std::size_t>(data.size(), 32));
  return start.size() > 14 && start[0] == '\x80' && start.substr(0, 32).find(magic) <= 16;
}

WeightFile read_torch_legacy(const FileBytes& bytes) {
  return LegacyFile(bytes).read();
}

}  // namespace dream::weights
