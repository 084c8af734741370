#include "weights/formats/torch_zip.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/weights/files.hpp"
#include "weights/formats/zip_archive.hpp"

namespace dream::weights {
namespace {

using namespace testing;

WeightFile read(const std::string& content) {
  return read_weight_bytes(in_memory(content, "m.bin"));
}

std::vector<float> values(const TensorView& tensor) {
  std::vector<float> out(tensor.bytes.size() / sizeof(float));
  std::memcpy(out.data(), tensor.bytes.data(), out.size() * sizeof(float));
  return out;
}

std::string notes(const WeightFile& file) {
  std::string all;
  for (const std::string& note : file.notes) all += note + "\n";
  return all;
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

const std::string whole = tensor(storage("FloatStorage", "0", 6), 0, {2, 3}, {3, 1});

TEST(TorchZip, ReadsTensorsAsViews) {
  const FileBytes bytes = in_memory(torch_file(dict({{"w", whole}})));
  const WeightFile file = read_weight_bytes(bytes);
  EXPECT_EQ(file.format, Format::torch_zip);
  const TensorView& w = file.tensors.at("w");
  EXPECT_EQ(w.dtype, DType::f32);
  EXPECT_EQ(w.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(values(w), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_GE(w.bytes.data(), bytes.data.data());
  EXPECT_LT(w.bytes.data(), bytes.data.data() + bytes.data.size());
  EXPECT_TRUE(file.notes.empty()) << notes(file);
}

TEST(TorchZip, CopiesStridedTensorsRowMajor) {
  const std::string six = storage("FloatStorage", "0", 6);
  const WeightFile file = read(torch_file(dict({{"transposed", tensor(six, 0, {3, 2}, {1, 3})},
                                                {"step", tensor(six, 1, {2}, {3})},
                                                {"expanded", tensor(six, 5, {2, 2}, {0, 0})},
                                                {"slice", tensor(six, 2, {3}, {1})},
                                                {"one", tensor(six, 4, {1, 2}, {999, 1})},
                                                {"scalar", tensor(six, 3, {}, {})},
                                                {"empty", tensor(six, 0, {0, 4}, {4, 1})}})));
  EXPECT_EQ(values(file.tensors.at("transposed")), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(values(file.tensors.at("step")), (std::vector<float>{1, 4}));
  EXPECT_EQ(values(file.tensors.at("expanded")), (std::vector<float>{5, 5, 5, 5}));
  EXPECT_EQ(values(file.tensors.at("slice")), (std::vector<float>{2, 3, 4}));
  EXPECT_EQ(values(file.tensors.at("one")), (std::vector<float>{4, 5}));
  EXPECT_EQ(values(file.tensors.at("scalar")), (std::vector<float>{3}));
  EXPECT_EQ(file.tensors.at("empty").element_count(), 0);
}

TEST(TorchZip, ReadsParametersAndTypedWrappers) {
  const std::string parameter = call(global("torch._utils", "_rebuild_parameter"),
                                     tuple({whole, raw("\x88"), ordered_dict()}));
  const std::string wrapped =
      call(global("torch._tensor", "_rebuild_from_type_v2"),
           tuple({global("torch._utils", "_rebuild_tensor_v2"), global("torch", "Tensor"),
                  tuple({storage("FloatStorage", "0", 6), number(0), numbers({6}), numbers({1}),
                         raw("\x89"), ordered_dict()}),
                  "}"}));
  const WeightFile file = read(torch_file(dict({{"p", parameter}, {"t", wrapped}})));
  EXPECT_EQ(values(file.tensors.at("p")).size(), 6u);
  EXPECT_EQ(values(file.tensors.at("t")).size(), 6u);
  EXPECT_TRUE(file.notes.empty()) << notes(file);
}

TEST(TorchZip, FlattensNestedContainers) {
  const WeightFile file = read(torch_file(
      dict({{"net", dict({{"w", whole}, {"list", "](" + whole + whole + "e"}})},
            {"by_number", "}" + number(7) + whole + "s"},
            {"ordered", ordered_dict() + "(" + text("x") + whole + "u" + dict({}) + "b"}})));
  std::vector<std::string> names;
  for (const auto& [name, view] : file.tensors) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"by_number.7", "net.list.0", "net.list.1", "net.w",
                                             "ordered.x"}));
}

TEST(TorchZip, TakesTheStateDictOfACheckpoint) {
  const std::string foreign = call(global("pytorch_lightning.callbacks", "Checkpoint"), ")") +
                              dict({{"best", whole}}) + "b";
  const WeightFile file = read(torch_file(dict({{"epoch", number(3)},
                                                {"state_dict", dict({{"w", whole}})},
                                                {"callbacks", dict({{"c", foreign}})}})));
  EXPECT_EQ(file.tensors.size(), 1u);
  EXPECT_TRUE(file.tensors.contains("w"));
  EXPECT_TRUE(holds(notes(file), "left out what lies beside it: epoch, callbacks"));
  EXPECT_TRUE(holds(notes(file), "inert values: pytorch_lightning.callbacks.Checkpoint"));
}

TEST(TorchZip, RunsNothingAndSaysSo) {
  const std::string attack = call(global("os", "system"), tuple({text("touch /tmp/owned")}));
  const WeightFile file = read(torch_file(dict({{"w", whole}, {"x", attack}})));
  EXPECT_EQ(file.tensors.size(), 1u);
  EXPECT_TRUE(holds(notes(file), "not executed, only read as inert values: os.system"));
  EXPECT_TRUE(holds(notes(file), "skipped what is not a tensor: x"));
}

TEST(TorchZip, SkipsDtypesItCannotHold) {
  const std::string complex = tensor(storage("ComplexFloatStorage", "0", 3), 0, {3}, {1});
  const WeightFile file = read(torch_file(dict({{"c", complex}, {"w", whole}})));
  EXPECT_EQ(file.tensors.size(), 1u);
  EXPECT_TRUE(holds(notes(file), "c (complex64)"));
}

TEST(TorchZip, ReadsUntypedStoragesWithTheirDtype) {
  const std::string half =
      call(global("torch._utils", "_rebuild_tensor_v3"),
           tuple({storage("UntypedStorage", "0", 24), number(2), numbers({4}), numbers({1}),
                  raw("\x89"), ordered_dict(), global("torch", "float16")}));
  const WeightFile file = read(torch_file(dict({{"h", half}})));
  EXPECT_EQ(file.tensors.at("h").dtype, DType::f16);
  EXPECT_EQ(file.tensors.at("h").bytes.size(), 8u);
}

TEST(TorchZip, ReadsZip64Entries) {
  const std::string pickle = pickled(dict({}));
  const std::string extra =
      le(1, 2) + le(24, 2) + le(pickle.size(), 8) + le(pickle.size(), 8) + le(0, 8);
  const WeightFile file = read(zip({{"a/data.pkl", pickle, 0, 0, {}, extra, true}}));
  EXPECT_TRUE(holds(notes(file), "holds no tensors"));
}

struct BadFile {
  const char* label;
  std::string content;
  const char* message;
};

void expect_refused(const std::vector<BadFile>& cases) {
  for (const BadFile& bad : cases) {
    const std::string message = error_of([&] { read(bad.content); });
    EXPECT_TRUE(holds(message, bad.message)) << bad.label << ": '" << message << "'";
    EXPECT_TRUE(message.starts_with("m.bin: ")) << message;
  }
}

std::string bent(std::string file, std::size_t from_end, const std::string& bytes) {
  return file.replace(file.size() - from_end, bytes.size(), bytes);
}

TEST(TorchZip, RefusesDamagedArchives) {
  const std::string good = torch_file(dict({{"w", whole}}));
  const std::string pickle = pickled(dict({}));
  const std::string short_extra = le(1, 2) + le(8, 2) + le(5, 8);
  const std::string far_extra = le(1, 2) + le(24, 2) + le(5, 8) + le(5, 8) + le(~0ull, 8);
  const std::string huge_extra = le(1, 2) + le(24, 2) + le(~0ull, 8) + le(~0ull, 8) + le(0, 8);
  const std::string locator = le(0x07064b50, 4) + le(0, 4) + le(~0ull, 8) + le(1, 4);
  std::string zip64 = good;
  zip64.insert(zip64.size() - 22, locator);
  std::string broken_signature = good;
  broken_signature[0x0] = 'P';
  broken_signature[3] = 9;
  expect_refused({
      {"only a local header", "PK\x03\x04", "no end record"},
      {"truncated", good.substr(0, good.size() - 30), "no end record"},
      {"end record only", "PK\x05\x06" + std::string(18, '\0'), "without data.pkl"},
      {"trailing bytes", good + "more", "no end record"},
      {"directory outside", bent(good, 6, le(0xFFFFFFF0, 4)), "outside the file"},
      {"directory too large", bent(good, 10, le(0xFFFFFFF0, 4)), "outside the file"},
      {"too many entries", bent(good, 14, le(9999, 2) + le(9999, 2)), "cannot hold 9999 entries"},
      {"count too high", bent(good, 14, le(3, 2) + le(3, 2)), "cannot hold 3 entries"},
      {"several parts", bent(good, 18, le(1, 2)), "several parts"},
      {"counts differ", bent(good, 14, le(1, 2)), "several parts"},
      {"directory elsewhere", bent(good, 6, le(0, 4)), "wrong signature"},
      {"zip64 locator outside", zip64, "directory is damaged"},
      {"no pickle", zip({{"a/x", "1"}}), "without data.pkl"},
      {"pickle too deep", zip({{"a/b/data.pkl", pickle}}), "without data.pkl"},
      {"two pickles", zip({{"a/data.pkl", pickle}, {"b/data.pkl", pickle}}), "more than one"},
      {"same name twice", zip({{"a/data.pkl", pickle}, {"a/data.pkl", pickle}}), "appears twice"},
      {"nameless", zip({{"", "1"}}), "has no name"},
      {"compressed", zip({{"a/data.pkl", pickle, 12}}), "is compressed with method 12"},
      {"damaged", zip({{"a/data.pkl", pickle, 8}}), "has a damaged stored block"},
      {"encrypted", zip({{"a/data.pkl", pickle, 0, 1}}), "is encrypted"},
      {"other local name", zip({{"a/data.pkl", pickle, 0, 0, "a/evil.pkl"}}), "another name"},
      {"zip64 extra too short", zip({{"a/data.pkl", pickle, 0, 0, {}, short_extra, true}}),
       "directory is damaged"},
      {"zip64 offset outside", zip({{"a/data.pkl", pickle, 0, 0, {}, far_extra, true}}),
       "outside the archive"},
      {"zip64 size huge", zip({{"a/data.pkl", pickle, 0, 0, {}, huge_extra, true}}),
       "outside the archive"},
      {"no local header", broken_signature, "is not a weight file"},
      {"TorchScript", zip({{"a/data.pkl", pickle}, {"a/constants.pkl", pickle}}), "TorchScript"},
      {"big-endian", torch_file(dict({}), {{"archive/byteorder", "big"}}), "byte order is 'big'"},
  });
}

std::string long_list(const char* item, std::size_t count) {
  std::string out = "](";
  for (std::size_t i = 0; i < count; ++i) out += item;
  return out + "e";
}

// A list of ten references to a list of ten references to … : 10^levels leaves.
std::string memo_bomb(int levels) {
  std::string out = raw("]q\0");
  for (int level = 0; level < levels; ++level) {
    out += "](";
    for (int i = 0; i < 10; ++i) out += std::string("h") + static_cast<char>(level);
    out += std::string("eq") + static_cast<char>(level + 1);
  }
  return out;
}

std::string nested_dicts(int levels) {
  std::string out;
  for (int i = 0; i < levels; ++i) out += "}" + text("k");
  out += "N";
  for (int i = 0; i < levels; ++i) out += "s";
  return out;
}

TEST(TorchZip, RefusesMalformedPickles) {
  const auto file = [](const std::string& pickle) { return zip({{"a/data.pkl", pickle}}); };
  expect_refused({
      {"empty", file(""), "unexpected end of data"},
      {"no stop", file(raw("\x80\x02}")), "unexpected end of data"},
      {"nothing on the stack", file(raw("\x80\x02.")),
       "at byte 2: takes a value from an empty stack"},
      {"protocol 6", file(raw("\x80\x06}.")), "protocol 6 is not supported"},
      {"unknown opcode", file(raw("\x80\x02\xff.")), "opcode 0xff"},
      {"text protocol", file("S'x'\n."), "opcode 0x53"},
      {"extension registry", file(raw("\x80\x02\x82\x01.")), "opcode 0x82"},
      {"out-of-band buffer", file(raw("\x80\x05\x97.")), "opcode 0x97"},
      {"string beyond file", file(raw("\x80\x02X\xff\xff\0\0x.")), "unexpected end of data"},
      {"huge string", file(raw("\x80\x02X\xff\xff\xff\xffx.")), "over the limit of 16777216"},
      {"huge 8-byte string", file(raw("\x80\x04\x8d") + le(~0ull, 8) + "."), "over the limit"},
      {"huge integer", file(raw("\x80\x02\x8b\xff\xff\xff\x7f.")), "over the limit"},
      {"frame beyond file", file(raw("\x80\x04\x95") + le(1000, 8) + "."), "unexpected end"},
      {"unterminated global", file(raw("\x80\x02") + "cos\nsystem"), "unexpected end of data"},
      {"global of a number", file(raw("\x80\x04K\x01K\x02\x93.")), "not a string"},
      {"mark missing", file(pickled("]e")), "to a mark, but there is none"},
      {"open mark", file(pickled("](")), "stops inside an open mark"},
      {"pops through a mark", file(pickled("](a")), "takes a value from an empty stack"},
      {"unknown memo", file(raw("\x80\x02h\x05.")), "memo entry 5 does not exist"},
      {"odd dict", file(pickled("}(" + text("a") + "u")), "key that has no value"},
      {"odd dict from mark", file(pickled("(" + text("a") + "d")), "a key without value"},
      {"append to a dict", file(pickled("}Na")), "adds items to a dict"},
      {"set item of a list", file(pickled("]NNs")), "sets dict items of a list"},
      {"add to a list", file(pickled(raw("](N\x90"))), "adds items to a list"},
      {"state of a dict", file(pickled("}}b")), "sets the state of a dict"},
      {"too many values", file(pickled(long_list("N", 2'100'000))), "more than"},
      {"stack too deep", file(raw("\x80\x02N") + std::string(1'000'001, '2') + "."),
       "more than 1000000 values on the stack"},
      {"marks too many", file(raw("\x80\x02") + std::string(1'000'001, '(') + "."), "open marks"},
      {"memo bomb", file(pickled(memo_bomb(12))), "holds more than 1000000 values"},
      {"cycle", file(pickled(raw("}q\0") + text("a") + raw("h\0s"))), "deeper than 64 levels"},
      {"deep nesting", file(pickled(nested_dicts(70))), "nested deeper than 64 levels"},
      {"a number", file(pickled("K\x05")), "holds an integer, expected a dict of tensors"},
      {"an attack alone", file(pickled(call(global("os", "system"), tuple({text("id")})))),
       "holds an object of os.system"},
      {"a whole module", file(pickled(global("net", "Model") + raw(")\x81") + dict({}) + "b")),
       "holds an object of net.Model"},
  });
}

std::string bad_call(const std::vector<std::string>& arguments) {
  return call(global("torch._utils", "_rebuild_tensor_v2"), tuple(arguments));
}

TEST(TorchZip, RefusesTensorsThatDoNotFitTheirStorage) {
  const std::string six = storage("FloatStorage", "0", 6);
  const auto file = [](const std::string& value) { return torch_file(dict({{"w", value}})); };
  const auto big = std::int64_t{1} << 62;
  std::string wrapped = whole;
  for (int i = 0; i < 12; ++i)
    wrapped = call(global("torch._utils", "_rebuild_parameter"), tuple({wrapped}));
  std::string long_name(600, 'n');
  expect_refused({
      {"reaches outside", file(tensor(six, 1, {2, 3}, {3, 1})),
       "reaches element 6 of a storage of 6"},
      {"offset outside", file(tensor(six, 6, {1}, {1})), "reaches element 6"},
      {"huge offset", file(tensor(six, big, {1}, {1})), "reaches element"},
      {"stride outside", file(tensor(six, 0, {2}, {6})), "reaches element 6"},
      {"stride overflows", file(tensor(six, 0, {3}, {big})), "strides that overflow"},
      {"shape overflows", file(tensor(six, 0, {big, big}, {0, 0})), "size overflows"},
      {"expanded bomb", file(tensor(six, 0, {1 << 30}, {0})), "exceeds the limit"},
      {"negative size", file(tensor(six, 0, {-1}, {1})), "not made of natural numbers"},
      {"negative stride", file(tensor(six, 5, {2}, {-1})), "not made of natural numbers"},
      {"negative offset", file(tensor(six, -1, {1}, {1})), "not a natural number"},
      {"ranks differ", file(tensor(six, 0, {1, 2}, {1})), "2 sizes but 1 strides"},
      {"65 dimensions", file(tensor(six, 0, std::vector<std::int64_t>(65, 1), {1})),
       "65 dimensions"},
      {"storage larger than entry", file(tensor(storage("FloatStorage", "0", 7), 0, {1}, {1})),
       "7 elements of torch.FloatStorage, but 'data/0' holds 24 bytes"},
      {"negative storage", file(tensor(storage("FloatStorage", "0", -1), 0, {1}, {1})),
       "malformed storage reference"},
      {"missing storage", file(tensor(storage("FloatStorage", "9", 6), 0, {1}, {1})),
       "'archive/data/9' is missing"},
      {"storage key climbs", file(tensor(storage("FloatStorage", "../data.pkl", 1), 0, {1}, {1})),
       "is missing"},
      {"foreign storage type", file(tensor(storage("FooStorage", "0", 6), 0, {1}, {1})),
       "depends on torch.FooStorage"},
      {"storage is a call",
       file(tensor(call(global("os", "system"), tuple({text("id")})), 0, {1}, {1})),
       "tensor 'w' depends on an object of os.system, which is not a storage"},
      {"storage is a number", file(tensor(number(3), 0, {1}, {1})), "depends on an integer"},
      {"odd storage id", file(tensor(tuple({number(1)}) + "Q", 0, {1}, {1})), "malformed storage"},
      {"too few arguments", file(bad_call({six})), "with 1 arguments, expected at least 4"},
      {"arguments not a tuple", file(call(global("torch._utils", "_rebuild_tensor_v2"), "}")),
       "without an argument tuple"},
      {"size is text", file(bad_call({six, number(0), text("x"), numbers({1})})),
       "a string for its size"},
      {"sparse", file(call(global("torch._utils", "_rebuild_sparse_tensor"), tuple({six}))),
       "needs torch._utils._rebuild_sparse_tensor, which is not supported"},
      {"parameter of an attack",
       file(call(global("torch._utils", "_rebuild_parameter"),
                 tuple({call(global("os", "system"), tuple({text("id")}))}))),
       "depends on an object of os.system, which is not executed"},
      {"wrapped too often", file(wrapped), "wrapped more than 8 times"},
      {"two of one name", torch_file(dict({{"a.b", whole}, {"a", dict({{"b", whole}})}})),
       "two tensors are called 'a.b'"},
      {"name too long", torch_file(dict({{long_name, whole}})), "longer than 512 bytes"},
      {"name is not UTF-8", torch_file(dict({{"\xff", whole}})), "'\\xff' is not UTF-8"},
      {"key is a tuple", torch_file("}" + tuple({number(1)}) + whole + "s"), "a tuple for its key"},
  });
}

}  // namespace
}  // namespace dream::weights
