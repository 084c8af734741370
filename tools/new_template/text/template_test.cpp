// Tests @NAME@ on a host in memory: @NAME@_test LIBRARY SCHEMA_SNAPSHOT
#include <dream/testing.hpp>

int main(int, char** argv) {
  dream::testing::TestHost host;
  auto t = host.load(argv[1]);
  DREAM_EXPECT(dream::testing::matches_file(t.schema_text(), argv[2]));

  const auto twice = t.run({{"name", "Ada"}, {"times", 2}});
  DREAM_EXPECT(twice.status == "succeeded");
  DREAM_EXPECT((twice.outputs == dream::testing::List{"Hello, Ada! ", "Hello, Ada! "}));
  DREAM_EXPECT(twice.metrics.size() == 1);

  DREAM_EXPECT(t.run().error == "input \"name\" is required");

  host.cancel_after(1);
  const auto canceled = t.run({{"name", "Ada"}, {"times", 5}});
  DREAM_EXPECT(canceled.status == "canceled" && canceled.outputs.size() == 1);

  host.destroy();
  DREAM_EXPECT(host.leaks() == "");
  return dream::testing::failures();
}
