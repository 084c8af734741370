// What workers answer becomes series, one for each worker, kind and name.
#include "host/telemetry/residents.hpp"

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

namespace dream::host {
namespace {

using nlohmann::json;

std::string text(std::int64_t budget, const std::vector<json>& answers) {
  Families families;
  add_residents(families, budget, answers);
  return prometheus::TextSerializer().Serialize(families.take());
}

json entry(const char* kind, const char* name, int bytes, int uses, bool in_use) {
  return {{"kind", kind}, {"name", name}, {"bytes", bytes}, {"uses", uses}, {"in_use", in_use}};
}

TEST(Residents, SumsWhatHasOneName) {
  const json first = {{"residents",
                       {entry("lora", "a", 10, 1, false), entry("lora", "a", 5, 2, true),
                        entry("unet", "a", 100, 3, false)}}};
  const json second = {{"residents", {entry("unet", "a", 7, 1, false)}}};
  const std::string all = text(200, {first, {{"error", "it died"}}, second});
  EXPECT_NE(all.find("dream_memory_budget_bytes 200\n"), std::string::npos);
  for (const char* line : {R"(dream_resident_bytes{worker="0",kind="lora",name="a"} 15)",
                           R"(dream_resident_uses_total{worker="0",kind="lora",name="a"} 3)",
                           R"(dream_resident_in_use{worker="0",kind="lora",name="a"} 1)",
                           R"(dream_resident_bytes{worker="0",kind="unet",name="a"} 100)",
                           R"(dream_resident_bytes{worker="2",kind="unet",name="a"} 7)"})
    EXPECT_NE(all.find(std::string(line) + "\n"), std::string::npos) << line << "\n" << all;
  EXPECT_EQ(all.find("dream_device_memory"), std::string::npos);
}

TEST(Residents, DevicesThatTell) {
  const json device = {{"device", "cuda:0"}, {"used_bytes", 3e9}, {"total_bytes", 8e9}};
  const std::string all = text(0, {{{"device_memory", device}}});
  EXPECT_NE(all.find(R"(dream_device_memory_used_bytes{worker="0",device="cuda:0"} 3000000000)"),
            std::string::npos);
  EXPECT_NE(all.find(R"(dream_device_memory_size_bytes{worker="0",device="cuda:0"} 8000000000)"),
            std::string::npos);
}

TEST(Residents, WithoutAnswersTheBudgetStands) {
  EXPECT_NE(text(0, {}).find("dream_memory_budget_bytes 0\n"), std::string::npos);
}

}  // namespace
}  // namespace dream::host
