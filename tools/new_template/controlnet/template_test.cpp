// Tests @NAME@ on a host in memory: @NAME@_test LIBRARY SCHEMA_SNAPSHOT
#include <dream/testing.hpp>
#include <fstream>

int main(int, char** argv) {
  dream::testing::TestHost host;
  auto t = host.load(argv[1]);
  DREAM_EXPECT(dream::testing::matches_file(t.schema_text(), argv[2]));

  std::string picture = dream::testing::ppm(64, 64, 0, 0, 0);  // to be striped: full of edges
  for (std::size_t i = picture.size() - 64 * 64 * 3; i < picture.size(); ++i) {
    picture[i] = static_cast<char>(i / 3 % 2 * 255);
  }
  std::ofstream("in.ppm") << picture;
  const auto draw = [&](double strength) {
    return t.run({{"image", "in.ppm"}, {"strength", strength}, {"prompt", "a fox"}, {"seed", 7}});
  };
  const auto led = draw(1), free = draw(0);
  DREAM_EXPECT(led.status == "succeeded");
  DREAM_EXPECT(led.files.size() == 2);
  DREAM_EXPECT(led.file("edges.png") != nullptr);
  DREAM_EXPECT(led.file("seed-7.png")->content != free.file("seed-7.png")->content);

  host.cancel_after(1);
  DREAM_EXPECT(draw(1).status == "canceled");

  host.destroy();
  DREAM_EXPECT(host.leaks() == "");
  return dream::testing::failures();
}
