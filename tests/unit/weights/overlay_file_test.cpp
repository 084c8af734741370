#include "weights/store/overlay_file.hpp"

#include <gtest/gtest.h>

#include "tests/unit/temporary_folder.hpp"
#include "tests/unit/weights/files.hpp"
#include "weights/formats/weight_file.hpp"
#include "weights/formats/zip_archive.hpp"
#include "weights/store/zip_folder.hpp"

namespace dream::weights {
namespace {

TEST(OverlayFile, is_taken_out_of_what_a_lora_training_hands_out) {
  const TemporaryFolder folder;
  const std::string lora =
      testing::safetensors(R"({"unet.up.lora_A.weight":{"dtype":"F32","shape":[1],)"
                           R"("data_offsets":[0,4]}})",
                           std::string(4, '\0'));
  folder.write("output/pytorch_lora_weights.safetensors", lora);
  folder.write("output/args.json", "{}");
  folder.write("output/samples/0.png", "picture");
  zip_folder(folder.path() / "output", folder.path() / "output.zip");
  const auto file = read_overlay_file(folder.path() / "output.zip");
  ASSERT_EQ(file.tensors.size(), 1U);
  EXPECT_EQ(file.tensors.begin()->first, "unet.up.lora_A.weight");
}

TEST(OverlayFile, of_another_archive_is_refused) {
  const TemporaryFolder folder;
  folder.write("output/args.json", "{}");
  zip_folder(folder.path() / "output", folder.path() / "output.zip");
  EXPECT_THROW(read_overlay_file(folder.path() / "output.zip"), Error);
}

TEST(ZipFolder, stores_all_files_in_the_order_of_their_names) {
  const TemporaryFolder folder;
  folder.write("tree/b/2.txt", "two");
  folder.write("tree/a.txt", "one");
  zip_folder(folder.path() / "tree", folder.path() / "tree.zip");
  const auto archive = ZipArchive::open(map_file(folder.path() / "tree.zip"));
  std::string names;
  for (const auto& [name, entry] : archive.entries()) {
    names += name + " ";
    EXPECT_EQ(entry.method, 0) << name;
  }
  EXPECT_EQ(names, "a.txt b/2.txt ");
  archive.verify();
}

}  // namespace
}  // namespace dream::weights
