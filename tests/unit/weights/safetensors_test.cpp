#include "weights/formats/safetensors.hpp"

#include <gtest/gtest.h>

#include "tests/unit/weights/files.hpp"

namespace dream::weights {
namespace {

using namespace testing;

WeightFile read(const std::string& content) {
  return read_weight_bytes(in_memory(content));
}

TEST(Safetensors, ReadsNamesShapesAndBytes) {
  const WeightFile file = read(safetensors(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[2],"data_offsets":[8,12]},)"
      R"("a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}   )",
      floats(2) + "wxyz"));
  EXPECT_EQ(file.format, Format::safetensors);
  EXPECT_EQ(file.metadata.at("format"), "pt");
  ASSERT_EQ(file.tensors.size(), 2u);
  const TensorView& a = file.tensors.at("a");
  EXPECT_EQ(a.dtype, DType::f32);
  EXPECT_EQ(a.shape, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(a.element_count(), 2);
  float second = 0;
  std::memcpy(&second, a.bytes.data() + 4, 4);
  EXPECT_EQ(second, 1.0f);
  EXPECT_EQ(std::memcmp(file.tensors.at("b").bytes.data(), "wxyz", 4), 0);
  EXPECT_TRUE(file.notes.empty());
}

TEST(Safetensors, TensorsKeepTheFileAlive) {
  TensorView kept;
  {
    const TemporaryFolder folder;
    const auto path = folder.write(
        "m.safetensors",
        safetensors(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})", "abc"));
    kept = read_weight_file(path).tensors.at("a");
  }
  EXPECT_EQ(std::memcmp(kept.bytes.data(), "abc", 3), 0);
}

TEST(Safetensors, ReadsScalarsEmptyTensorsAndEveryDtype) {
  const WeightFile file =
      read(safetensors(R"({"s":{"dtype":"F64","shape":[],"data_offsets":[0,8]},)"
                       R"("e":{"dtype":"I64","shape":[0,7],"data_offsets":[8,8]},)"
                       R"("t":{"dtype":"BOOL","shape":[1],"data_offsets":[8,9]},)"
                       R"("h":{"dtype":"BF16","shape":[1],"data_offsets":[9,11]},)"
                       R"("i":{"dtype":"I16","shape":[1],"data_offsets":[11,13]}})",
                       std::string(13, 'x')));
  EXPECT_EQ(file.tensors.at("s").element_count(), 1);
  EXPECT_EQ(file.tensors.at("e").element_count(), 0);
  EXPECT_TRUE(file.tensors.at("e").bytes.empty());
  for (const char* name : {"F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"}) {
    ASSERT_TRUE(dtype_from_string(name)) << name;
    EXPECT_EQ(to_string(*dtype_from_string(name)), name);
  }
}

TEST(Safetensors, SkipsDtypesItCannotHoldWithANote) {
  const WeightFile file =
      read(safetensors(R"({"q":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},)"
                       R"("a":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
                       "abc"));
  EXPECT_EQ(file.tensors.size(), 1u);
  ASSERT_EQ(file.notes.size(), 1u);
  EXPECT_EQ(file.notes[0], "skipped tensor 'q': dtype F8_E4M3 is not supported");
}

struct BadFile {
  const char* label;
  std::string content;
  const char* message;
};

// A file with the tensor `a` of these fields and four bytes of data.
std::string one(const std::string& fields) {
  return safetensors(R"({"a":{)" + fields + "}}", "1234");
}

std::vector<BadFile> bad_headers() {
  std::string deep = R"({"a":)";
  deep += std::string(100'000, '[');
  std::string sixty_four;
  for (int i = 0; i < 64; ++i) sixty_four += "1,";
  return {
      {"too short", raw("\x01\0\0"), "too few"},
      {"header beyond file", le(1000, 8) + "{}", "does not fit the file"},
      {"header over limit", le(100'000'001, 8) + "{}", "over the limit of 100000000"},
      {"header length overflows", le(~std::uint64_t{0}, 8) + "{}", "over the limit"},
      {"empty header", le(0, 8), "must begin with '{'"},
      {"space first", safetensors(" {}"), "must begin with '{'"},
      {"array header", safetensors("[]"), "must begin with '{'"},
      {"cut JSON", safetensors("{\"a\""), "not valid JSON"},
      {"text after JSON", safetensors("{} x"), "not valid JSON"},
      {"zero byte in header", safetensors(raw("{}\0")), "not valid JSON at byte 2"},
      {"not UTF-8", safetensors("{\"\xff\":{}}"), "not valid JSON"},
      {"tensor is a number", safetensors(R"({"a":3})"), "unexpected a number at 'a'"},
      {"tensor is a number after one",
       safetensors(R"({"b":{"dtype":"U8","shape":[0],)"
                   R"("data_offsets":[0,0]},"a":3})"),
       "unexpected a number at 'a'"},
      {"tensor is null", safetensors(R"({"a":null})"), "unexpected null"},
      {"tensor is a list", safetensors(R"({"a":[]})"), "unexpected an array"},
      {"deep nesting", safetensors(deep), "unexpected an array"},
      {"no dtype", one(R"("shape":[1],"data_offsets":[0,4])"), "has no 'dtype'"},
      {"no shape", one(R"("dtype":"F32","data_offsets":[0,4])"), "has no 'shape'"},
      {"no offsets", one(R"("dtype":"F32","shape":[1])"), "has no 'data_offsets'"},
      {"unknown field", one(R"("dtype":"F32","strides":[1])"), "unknown field 'strides'"},
      {"unknown dtype", one(R"("dtype":"Q4","shape":[1],"data_offsets":[0,4])"),
       "tensor 'a' has the unknown dtype 'Q4'"},
      {"dtype is a number", one(R"("dtype":32)"), "unexpected a number at 'dtype'"},
      {"shape is text", one(R"("shape":"1")"), "unexpected a string at 'shape'"},
      {"negative dimension", one(R"("dtype":"F32","shape":[-1])"), "negative number -1"},
      {"fractional dimension", one(R"("dtype":"F32","shape":[1.5])"), "a fraction"},
      {"dimension over 64 bits", one(R"("shape":[99999999999999999999])"), "too large"},
      {"dimension over 63 bits", one(R"("shape":[9223372036854775808])"), "is too large"},
      {"65 dimensions", one(R"("shape":[)" + sixty_four + "1]"), "more than 64 dimensions"},
      {"nested shape", one(R"("shape":[[1]])"), "unexpected an array"},
      {"one offset", one(R"("dtype":"F32","shape":[1],"data_offsets":[0])"), "holds 1 numbers"},
      {"three offsets", one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,5])"),
       "more than two"},
  };
}

std::vector<BadFile> bad_layouts() {
  const std::string a = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  return {
      {"reversed offsets", one(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"),
       "data_offsets [4, 0]"},
      {"gap at start", one(R"("dtype":"U8","shape":[3],"data_offsets":[1,4])"),
       "expected to begin at 0"},
      {"end beyond file", one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"),
       "within the 4 bytes of data"},
      {"data left over", one(R"("dtype":"U8","shape":[3],"data_offsets":[0,3])"),
       "cover 3 bytes of data, but the file holds 4"},
      {"size disagrees", one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"),
       "takes 8 bytes by its dtype F32"},
      {"size overflows",
       one(R"("dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4])"),
       "size overflows"},
      {"overlap",
       safetensors(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                   R"("b":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}})",
                   "1234"),
       "tensor 'b' has data_offsets [1, 4], expected to begin at 3"},
      {"same tensor twice", safetensors("{" + a + "," + a + "}", "1234"),
       "'a' appears twice in header"},
      {"field twice", one(R"("dtype":"F32","dtype":"U8")"), "'dtype' appears twice in tensor 'a'"},
      {"metadata twice", safetensors(R"({"__metadata__":{},"__metadata__":{}})"), "appears twice"},
      {"metadata number", safetensors(R"({"__metadata__":{"k":1}})"), "unexpected a number"},
      {"metadata nested", safetensors(R"({"__metadata__":{"k":{}}})"), "unexpected an object"},
      {"metadata list", safetensors(R"({"__metadata__":[]})"), "unexpected an array"},
  };
}

TEST(Safetensors, RefusesMalformedFilesByName) {
  std::vector<BadFile> cases = bad_headers();
  for (const BadFile& bad : bad_layouts()) cases.push_back(bad);
  for (const BadFile& bad : cases) {
    const std::string message =
        error_of([&] { read_safetensors(in_memory(bad.content, "x.safetensors")); });
    EXPECT_NE(message.find(bad.message), std::string::npos) << bad.label << ": '" << message << "'";
    EXPECT_TRUE(message.starts_with("x.safetensors: ")) << message;
  }
}

TEST(Safetensors, MessagesEscapeHostileNames) {
  const std::string message = error_of([] {
    read(safetensors("{\"\\u001b[2J\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"));
  });
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_NE(message.find("\\x1b[2J"), std::string::npos) << message;
}

// ---- what the file is, told by content ----

TEST(WeightFile, NamesForeignFormats) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "is empty"},
      {"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"},
      {"GGUF....", "GGUF"},
      {raw("\x89HDF\r\n"), "HDF5"},
      {"<!DOCTYPE html>", "HTML page"},
      {raw("\x80\x02\x8a\x0al\xfc"), "is a pickle that torch.save did not write"},
      {"hello, world", "is not a weight file"},
  };
  for (const auto& [content, expected] : cases) {
    const std::string message = error_of([&, &bytes = content] { read(bytes); });
    EXPECT_NE(message.find(expected), std::string::npos) << message;
  }
}

TEST(WeightFile, NamesMissingFilesAndFolders) {
  const TemporaryFolder folder;
  EXPECT_NE(error_of([&] { read_weight_file(folder.path() / "no.bin"); }).find("no such file"),
            std::string::npos);
  EXPECT_NE(error_of([&] { read_weight_file(folder.path()); }).find("is a folder"),
            std::string::npos);
}

// ---- shards ----

std::string one_tensor(const char* name) {
  return safetensors(
      std::string("{\"") + name + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x");
}

TEST(ShardedIndex, JoinsShards) {
  const TemporaryFolder folder;
  folder.write("m-1.safetensors", one_tensor("a"));
  folder.write("m-2.safetensors", one_tensor("b"));
  const auto index =
      folder.write("m.safetensors.index.json",
                   R"({"metadata":{},"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}})");
  const WeightFile file = read_weight_file(index);
  EXPECT_EQ(file.tensors.size(), 2u);
  EXPECT_EQ(file.files.size(), 2u);
}

TEST(ShardedIndex, NotesTensorsOutsideTheIndex) {
  const TemporaryFolder folder;
  folder.write("m-1.safetensors", one_tensor("a"));
  const auto index = folder.write("i.json", R"({"weight_map":{}})");
  EXPECT_TRUE(read_weight_file(index).tensors.empty());
  folder.write("m-2.safetensors",
               safetensors(R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                           R"("c":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                           "xy"));
  const auto partial = folder.write("p.json", R"({"weight_map":{"b":"m-2.safetensors"}})");
  const WeightFile file = read_weight_file(partial);
  ASSERT_EQ(file.notes.size(), 1u);
  EXPECT_NE(file.notes[0].find("the first is 'c'"), std::string::npos);
}

TEST(ShardedIndex, RefusesBadIndexes) {
  const TemporaryFolder folder;
  folder.write("s.safetensors", one_tensor("a"));
  const std::pair<const char*, const char*> cases[] = {
      {R"({"weight_map":{"a":"../s.safetensors"}})", "is not a plain file name"},
      {R"({"weight_map":{"a":"/etc/passwd"}})", "is not a plain file name"},
      {R"({"weight_map":{"a":".."}})", "is not a plain file name"},
      {R"({"weight_map":{"a":""}})", "is not a plain file name"},
      {R"({"weight_map":{"a":"s.safetensors\u0000"}})", "is not a plain file name"},
      {R"({"weight_map":{"a":"c\\s.safetensors"}})", "is not a plain file name"},
      {R"({"weight_map":{"a":7}})", "is not a string"},
      {R"({"weight_map":[]})", "no 'weight_map' object"},
      {R"({"a":"s.safetensors"})", "no 'weight_map' object"},
      {R"({"weight_map":{"a":"gone.safetensors"}})", "gone.safetensors is missing"},
      {R"({"weight_map":{"z":"s.safetensors"}})", "tensor 'z' is not in its shard"},
      {R"({"weight_map":)", "not valid JSON"},
  };
  for (const auto& [content, expected] : cases) {
    const auto index = folder.write("bad.index.json", content);
    const std::string message = error_of([&] { read_weight_file(index); });
    EXPECT_NE(message.find(expected), std::string::npos) << content << ": " << message;
    EXPECT_NE(message.find("bad.index.json"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace dream::weights
