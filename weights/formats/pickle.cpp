#include "weights/formats/pickle.hpp"

#include <fmt/core.h>

#include <bit>
#include <set>
#include <unordered_map>
#include <utility>

#include "weights/formats/byte_reader.hpp"
#include "weights/formats/text.hpp"
#include "weights/tensor_view.hpp"

namespace dream::weights::pickle {
namespace {

// Names as in pickletools; the values are the bytes in the stream.
enum class Op : std::uint8_t {
  mark = '(',
  stop = '.',
  pop = '0',
  pop_mark = '1',
  dup = '2',
  binfloat = 'G',
  binint = 'J',
  binint1 = 'K',
  binint2 = 'M',
  none = 'N',
  binpersid = 'Q',
  reduce = 'R',
  binstring = 'T',
  short_binstring = 'U',
  binunicode = 'X',
  append = 'a',
  build = 'b',
  global = 'c',
  dict = 'd',
  empty_dict = '}',
  appends = 'e',
  binget = 'h',
  long_binget = 'j',
  list = 'l',
  empty_list = ']',
  binput = 'q',
  long_binput = 'r',
  setitem = 's',
  tuple = 't',
  empty_tuple = ')',
  setitems = 'u',
  binbytes = 'B',
  short_binbytes = 'C',
  proto = 0x80,
  newobj = 0x81,
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  newtrue = 0x88,
  newfalse = 0x89,
  long1 = 0x8a,
  long4 = 0x8b,
  short_binunicode = 0x8c,
  binunicode8 = 0x8d,
  binbytes8 = 0x8e,
  empty_set = 0x8f,
  additems = 0x90,
  frozenset = 0x91,
  newobj_ex = 0x92,
  stack_global = 0x93,
  memoize = 0x94,
  frame = 0x95,
  bytearray8 = 0x96,
};

class Machine {
 public:
  Machine(std::span<const std::byte> data, std::string_view name, const Limits& limits)
      : reader_(data), name_(name), limits_(limits) {}

  Document run() {
    if (reader_.remaining() > limits_.bytes)
      fail(fmt::format("{} bytes are over the limit of {}", reader_.remaining(), limits_.bytes));
    try {
      while (step()) {
      }
    } catch (const ByteReader::EndOfData&) {
      fail("unexpected end of data");
    }
    document_.bytes = reader_.position();
    return std::move(document_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}: pickle at byte {}: {}", name_, position_, what));
  }

  // ---- values and the stack ----

  Value& make(Kind kind) {
    if (document_.values.size() >= limits_.values)
      fail(fmt::format("more than {} values", limits_.values));
    document_.values.emplace_back();
    document_.values.back().kind = kind;
    return document_.values.back();
  }

  void push(Value& value) {
    if (stack_.size() >= limits_.stack)
      fail(fmt::format("more than {} values on the stack", limits_.stack));
    stack_.push_back(&value);
  }

  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  Value& top() {
    if (stack_.size() <= floor()) fail("takes a value from an empty stack");
    return *stack_.back();
  }

  Value& pop() {
    Value& value = top();
    stack_.pop_back();
    return value;
  }

  // Everything above the last mark, which goes too.
  std::vector<Value*> pop_to_mark() {
    if (marks_.empty()) fail("takes values to a mark, but there is none");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Value*> values(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return values;
  }

  void push_integer(std::int64_t value) {
    Value& made = make(Kind::integer);
    made.integer = value;
    push(made);
  }

  void push_boolean(bool value) {
    Value& made = make(Kind::boolean);
    made.integer = value ? 1 : 0;
    push(made);
  }

  void push_text(Kind kind, std::uint64_t length) {
    if (length > limits_.text_bytes)
      fail(fmt::format("text of {} bytes is over the limit of {}", length, limits_.text_bytes));
    Value& made = make(kind);
    made.text = reader_.text(length);
    push(made);
  }

  void push_tuple(std::size_t count) {
    Value& made = make(Kind::tuple);
    made.items.resize(count);
    for (std::size_t i = count; i-- > 0;) made.items[i] = &pop();
    push(made);
  }

  // Two's complement, little-endian, of any length.
  void push_long(std::uint64_t length) {
    if (length > 8) return push_text(Kind::big_integer, length);
    std::uint64_t bits = 0;
    const std::span<const std::byte> bytes = reader_.bytes(length);
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bits |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
    if (length > 0 && length < 8 && (bytes.back() & std::byte{0x80}) != std::byte{0})
      bits |= ~std::uint64_t{0} << (8 * length);
    push_integer(static_cast<std::int64_t>(bits));
  }

  void push_real() {
    std::uint64_t bits = 0;
    for (const std::byte byte : reader_.bytes(8))
      bits = bits << 8 | static_cast<std::uint64_t>(byte);
    Value& made = make(Kind::real);
    made.real = std::bit_cast<double>(bits);
    push(made);
  }

  void push_global(std::string_view module, std::string_view name) {
    Value& made = make(Kind::global);
    made.text = module;
    made.name = name;
    if (seen_globals_.emplace(module, name).second) document_.globals.push_back(&made);
    push(made);
  }

  void push_object(const Value& callable, const Value& arguments) {
    Value& made = make(Kind::object);
    made.callable = &callable;
    made.arguments = &arguments;
    push(made);
  }

  // ---- containers ----

  void append_to(Value& target, const std::vector<Value*>& values, Kind kind) {
    if (target.kind == Kind::object) return;  // an inert object's own list: nobody reads it
    if (target.kind != kind) fail(fmt::format("adds items to {}", describe(target)));
    target.items.insert(target.items.end(), values.begin(), values.end());
  }

  void set_items(Value& target, const std::vector<Value*>& values) {
    if (values.size() % 2 != 0) fail("sets a dict key that has no value");
    if (target.kind != Kind::dict && target.kind != Kind::object)
      fail(fmt::format("sets dict items of {}", describe(target)));
    target.items.insert(target.items.end(), values.begin(), values.end());
  }

  void push_items(Kind kind) {
    std::vector<Value*> values = pop_to_mark();
    if (kind == Kind::dict && values.size() % 2 != 0) fail("makes a dict with a key without value");
    Value& made = make(kind);
    made.items = std::move(values);
    push(made);
  }

  // ---- memo ----

  void store(std::uint64_t index) {
    Value& value = top();
    if (memo_.size() >= limits_.memo && !memo_.contains(index))
      fail(fmt::format("more than {} memo entries", limits_.memo));
    memo_[index] = &value;
  }

  void recall(std::uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) fail(fmt::format("memo entry {} does not exist", index));
    push(*found->second);
  }

  bool step();
  void step_number(Op op);
  void step_text(Op op);
  void step_container(Op op);
  void step_object(Op op);

  ByteReader reader_;
  std::string_view name_;
  const Limits& limits_;
  std::size_t position_ = 0;  // of the current opcode
  Document document_;
  std::vector<Value*> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, Value*> memo_;
  std::set<std::pair<std::string_view, std::string_view>> seen_globals_;
};

// Control and memo; the rest goes on to the next group. False at STOP.
bool Machine::step() {
  position_ = reader_.position();
  const auto op = static_cast<Op>(reader_.number<std::uint8_t>());
  switch (op) {
    case Op::proto:
      if (const unsigned version = reader_.number<std::uint8_t>(); version > 5)
        fail(fmt::format("protocol {} is not supported (0 to 5 are)", version));
      return true;
    case Op::frame:
      if (reader_.number<std::uint64_t>() > reader_.remaining()) throw ByteReader::EndOfData();
      return true;
    case Op::stop:
      if (!marks_.empty()) fail("stops inside an open mark");
      document_.root = &pop();
      return false;
    case Op::mark:
      if (marks_.size() >= limits_.stack)
        fail(fmt::format("more than {} open marks", limits_.stack));
      marks_.push_back(stack_.size());
      return true;
    case Op::pop:
      // CPython drops the mark itself when nothing lies above it.
      if (!marks_.empty() && stack_.size() == marks_.back()) {
        marks_.pop_back();
      } else {
        pop();
      }
      return true;
    case Op::pop_mark:
      pop_to_mark();
      return true;
    case Op::dup:
      push(top());
      return true;
    case Op::memoize:
      store(memo_.size());
      return true;
    case Op::binput:
      store(reader_.number<std::uint8_t>());
      return true;
    case Op::long_binput:
      store(reader_.number<std::uint32_t>());
      return true;
    case Op::binget:
      recall(reader_.number<std::uint8_t>());
      return true;
    case Op::long_binget:
      recall(reader_.number<std::uint32_t>());
      return true;
    default:
      step_number(op);
      return true;
  }
}

void Machine::step_number(Op op) {
  switch (op) {
    case Op::none:
      push(make(Kind::none));
      return;
    case Op::newtrue:
      push_boolean(true);
      return;
    case Op::newfalse:
      push_boolean(false);
      return;
    case Op::binint1:
      push_integer(reader_.number<std::uint8_t>());
      return;
    case Op::binint2:
      push_integer(reader_.number<std::uint16_t>());
      return;
    case Op::binint:
      push_integer(static_cast<std::int32_t>(reader_.number<std::uint32_t>()));
      return;
    case Op::long1:
      push_long(reader_.number<std::uint8_t>());
      return;
    case Op::long4:
      push_long(reader_.number<std::uint32_t>());
      return;
    case Op::binfloat:
      push_real();
      return;
    default:
      return step_text(op);
  }
}

void Machine::step_text(Op op) {
  switch (op) {
    case Op::short_binstring:
    case Op::short_binunicode:
      return push_text(Kind::string, reader_.number<std::uint8_t>());
    case Op::binstring:
    case Op::binunicode:
      return push_text(Kind::string, reader_.number<std::uint32_t>());
    case Op::binunicode8:
      return push_text(Kind::string, reader_.number<std::uint64_t>());
    case Op::short_binbytes:
      return push_text(Kind::bytes, reader_.number<std::uint8_t>());
    case Op::binbytes:
      return push_text(Kind::bytes, reader_.number<std::uint32_t>());
    case Op::binbytes8:
    case Op::bytearray8:
      return push_text(Kind::bytes, reader_.number<std::uint64_t>());
    default:
      return step_container(op);
  }
}

void Machine::step_container(Op op) {
  switch (op) {
    case Op::empty_tuple:
      return push_tuple(0);
    case Op::tuple1:
      return push_tuple(1);
    case Op::tuple2:
      return push_tuple(2);
    case Op::tuple3:
      return push_tuple(3);
    case Op::tuple:
      return push_items(Kind::tuple);
    case Op::empty_list:
      return push(make(Kind::list));
    case Op::list:
      return push_items(Kind::list);
    case Op::empty_dict:
      return push(make(Kind::dict));
    case Op::dict:
      return push_items(Kind::dict);
    case Op::empty_set:
      return push(make(Kind::set));
    case Op::frozenset:
      return push_items(Kind::set);
    case Op::append: {
      Value& item = pop();
      return append_to(top(), {&item}, Kind::list);
    }
    case Op::appends: {
      const std::vector<Value*> items = pop_to_mark();
      return append_to(top(), items, Kind::list);
    }
    case Op::additems: {
      const std::vector<Value*> items = pop_to_mark();
      return append_to(top(), items, Kind::set);
    }
    case Op::setitem: {
      Value& value = pop();
      Value& key = pop();
      return set_items(top(), {&key, &value});
    }
    case Op::setitems: {
      const std::vector<Value*> items = pop_to_mark();
      return set_items(top(), items);
    }
    default:
      return step_object(op);
  }
}

// Where a real unpickler would import and call, this one only takes note.
void Machine::step_object(Op op) {
  switch (op) {
    case Op::global: {
      const std::string_view module = reader_.line();
      return push_global(module, reader_.line());
    }
    case Op::stack_global: {
      const Value& name = pop();
      const Value& module = pop();
      if (name.kind != Kind::string || module.kind != Kind::string)
        fail("names a global by something that is not a string");
      return push_global(module.text, name.text);
    }
    case Op::reduce:
    case Op::newobj: {
      const Value& arguments = pop();
      return push_object(pop(), arguments);
    }
    case Op::newobj_ex: {
      pop();  // keyword arguments
      const Value& arguments = pop();
      return push_object(pop(), arguments);
    }
    case Op::build: {
      const Value& state = pop();
      if (top().kind != Kind::object) fail(fmt::format("sets the state of {}", describe(top())));
      top().state = &state;
      return;
    }
    case Op::binpersid: {
      const Value& reference = pop();
      Value& made = make(Kind::persistent);
      made.arguments = &reference;
      return push(made);
    }
    default:
      fail(fmt::format("opcode 0x{:02x} is not one that torch.save writes",
                       static_cast<unsigned>(op)));
  }
}

std::string_view kind_in_words(Kind kind) {
  switch (kind) {
    case Kind::none:
      return "None";
    case Kind::boolean:
      return "a boolean";
    case Kind::integer:
    case Kind::big_integer:
      return "an integer";
    case Kind::real:
      return "a float";
    case Kind::string:
      return "a string";
    case Kind::bytes:
      return "bytes";
    case Kind::list:
      return "a list";
    case Kind::tuple:
      return "a tuple";
    case Kind::dict:
      return "a dict";
    case Kind::set:
      return "a set";
    case Kind::global:
      return "a global";
    case Kind::persistent:
      return "a persistent reference";
    case Kind::object:
      return "an object";
  }
  return "an unknown value";
}

}  // namespace

Document read(std::span<const std::byte> data, std::string_view name, const Limits& limits) {
  return Machine(data, name, limits).run();
}

std::string describe(const Value& value) {
  if (value.kind == Kind::global)
    return fmt::format("{}.{}", printable(value.text), printable(value.name));
  if (value.kind == Kind::object && value.callable->kind == Kind::global)
    return fmt::format("an object of {}", describe(*value.callable));
  return std::string(kind_in_words(value.kind));
}

}  // namespace dream::weights::pickle
