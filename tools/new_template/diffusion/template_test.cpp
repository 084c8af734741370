// Tests @NAME@ on a host in memory: @NAME@_test LIBRARY SCHEMA_SNAPSHOT
#include <dream/testing.hpp>

int main(int, char** argv) {
  dream::testing::TestHost host;
  auto t = host.load(argv[1]);
  DREAM_EXPECT(dream::testing::matches_file(t.schema_text(), argv[2]));

  const auto fox = t.run({{"subject", "a fox"}, {"num_outputs", 2}, {"seed", 7}});
  DREAM_EXPECT(fox.status == "succeeded");
  DREAM_EXPECT(fox.files.size() == 2);
  DREAM_EXPECT(fox.file("seed-8.png") != nullptr);
  DREAM_EXPECT(host.generated.back().prompt == "a fox, watercolour style");

  const auto refused = t.run({{"subject", "a fox"}, {"style", "cubism"}});
  DREAM_EXPECT(refused.status == "failed");

  host.cancel_after(2);
  const auto canceled = t.run({{"subject", "a fox"}});
  DREAM_EXPECT(canceled.status == "canceled" && canceled.files.empty());

  host.destroy();
  DREAM_EXPECT(host.leaks() == "");
  return dream::testing::failures();
}
