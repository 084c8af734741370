// A pickle as inert data. Nothing is imported, called or built: globals, calls and object states
// become plain nodes of a graph, and the reader that knows the file type decides what they mean.
// Opcodes: CPython's Lib/pickletools.py, protocols 2 to 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dream::weights::pickle {

enum class Kind {
  none,
  boolean,
  integer,
  big_integer,  // more than 64 bits
  real,
  string,
  bytes,
  list,
  tuple,
  dict,
  set,
  global,      // a name such as `collections.OrderedDict`, not what it names
  persistent,  // a reference that the container resolves: torch's storages
  object,      // what a call or a class instance would have been
};

struct Value {
  Kind kind = Kind::none;
  std::int64_t integer = 0;   // boolean (0, 1), integer
  double real = 0;            // real
  std::string_view text;      // string, bytes, big_integer (little-endian); global: the module
  std::string_view name;      // global: the name in its module
  std::vector<Value*> items;  // list, tuple, set; dict and object: key, value, key, value …
  const Value* callable = nullptr;   // object: what would have been called
  const Value* arguments = nullptr;  // object: its arguments; persistent: the reference
  const Value* state = nullptr;      // object: what __setstate__ would have received

  bool is_global(std::string_view module, std::string_view global_name) const {
    return kind == Kind::global && text == module && name == global_name;
  }
};

// Bounds on what a pickle may build, so that a small hostile file cannot take much memory.
struct Limits {
  std::size_t bytes = 256u << 20;      // of the pickle
  std::size_t values = 2'000'000;      // nodes
  std::size_t stack = 1'000'000;       // entries at one time
  std::size_t memo = 2'000'000;        // entries
  std::size_t text_bytes = 16u << 20;  // of one string or number
};

// Owns the graph, which may share nodes and hold cycles. Texts are views into the pickle's bytes.
struct Document {
  std::deque<Value> values;
  const Value* root = nullptr;
  std::size_t bytes = 0;              // up to and with STOP
  std::vector<const Value*> globals;  // each distinct one that is mentioned, in order
};

// Reads one pickle; what follows its STOP is ignored. Throws Error with `name`, the byte position
// and the reason.
Document read(std::span<const std::byte> data, std::string_view name, const Limits& limits = {});

// "module.name" of a global, made printable; the kind in words for anything else.
std::string describe(const Value& value);

}  // namespace dream::weights::pickle
