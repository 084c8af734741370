// Tests @NAME@ on a host in memory: @NAME@_test LIBRARY SCHEMA_SNAPSHOT
#include <dream/testing.hpp>
#include <fstream>

int main(int, char** argv) {
  dream::testing::TestHost host;
  auto t = host.load(argv[1]);
  DREAM_EXPECT(dream::testing::matches_file(t.schema_text(), argv[2]));

  std::ofstream("in.ppm") << dream::testing::ppm(4, 2, 255, 0, 200);
  const auto result = t.run({{"image", "in.ppm"}, {"size", 8}});
  DREAM_EXPECT(result.status == "succeeded");
  DREAM_EXPECT(result.files.size() == 1);
  DREAM_EXPECT(result.files.at(0).content == dream::testing::ppm(8, 4, 0, 255, 55));

  std::ofstream("in.ppm") << "no picture";
  DREAM_EXPECT(t.run({{"image", "in.ppm"}}).status == "failed");

  host.destroy();
  DREAM_EXPECT(host.leaks() == "");
  return dream::testing::failures();
}
