// The counters of the kernel's out-of-memory killer, in all the places where they may lie.
#include "host/workers/oom_kills.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "host/base/ids.hpp"

namespace dream::host {
namespace {

namespace fs = std::filesystem;

class OomKills : public testing::Test {
 protected:
  OomKills() : root(fs::temp_directory_path() / ("dream-oom-" + new_id())) {
    write("proc/vmstat", "nr_free_pages 17\noom_kill 9\n");
  }
  ~OomKills() override { fs::remove_all(root); }
  void write(const fs::path& file, const std::string& text) {
    fs::create_directories((root / file).parent_path());
    std::ofstream(root / file) << text;
  }
  fs::path root;
};

TEST_F(OomKills, OfTheControlGroup) {
  write("proc/self/cgroup", "0::/system.slice/dream.service\n");
  write("sys/fs/cgroup/system.slice/dream.service/memory.events",
        "low 0\nhigh 0\nmax 31\noom 4\noom_kill 3\noom_group_kill 0\n");
  EXPECT_EQ(oom_kills(root), 3U);
}

TEST_F(OomKills, InAContainerTheGroupLiesAtTheTop) {
  write("proc/self/cgroup", "0::/kubepods/pod1/container\n");
  write("sys/fs/cgroup/memory.events", "oom 1\noom_kill 2\n");
  EXPECT_EQ(oom_kills(root), 2U);
}

TEST_F(OomKills, OfVersionOne) {
  write("proc/self/cgroup", "5:devices:/x\n4:cpu,memory:/jobs/a\n0::/\n");
  write("sys/fs/cgroup/memory/jobs/a/memory.oom_control",
        "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n");
  EXPECT_EQ(oom_kills(root), 5U);
}

TEST_F(OomKills, OfTheMachineWhereNoGroupTells) {
  EXPECT_EQ(oom_kills(root), 9U);
}

TEST_F(OomKills, NoneWhereNothingIsKnown) {
  EXPECT_EQ(oom_kills(root / "nowhere"), 0U);
}

}  // namespace
}  // namespace dream::host
