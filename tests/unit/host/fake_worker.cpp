// A worker for tests of the pool: speaks the protocol, draws nothing. What its set-up does is
// written in `weights`, what a run does in the input "script": [[verb, argument…]…].
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/workers/frame.hpp"

namespace {

using dream::host::BlockingChannel;
using nlohmann::json;

std::unique_ptr<BlockingChannel> control;
std::mutex canceled_mutex;
std::set<std::pair<int, std::string>> canceled;  // slot and id: ids may be there twice

bool is_canceled(int slot, const std::string& id) {
  const std::lock_guard lock(canceled_mutex);
  return canceled.contains({slot, id});
}

void sleep_ms(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

[[noreturn]] void sleep_for_ever() {
  for (;;) sleep_ms(1000);
}

[[noreturn]] void die(const std::string& how) {
  if (how.starts_with("exit")) std::_Exit(3);
  std::fprintf(stderr, "fake worker: about to die\n");
  const int number = how == "SIGKILL" ? SIGKILL : how == "SIGSEGV" ? SIGSEGV : SIGABRT;
  ::signal(number, SIG_DFL);  // sanitizers put their own handlers there
  ::kill(::getpid(), number);
  sleep_for_ever();
}

struct Run {
  BlockingChannel& channel;
  int slot;
  std::string id;
  std::string output_dir;
  std::string status = "succeeded";
  std::string error = {};
  bool bad_input = false;
};

void write_file(Run& run, const json& step) {
  ::mkdir(run.output_dir.c_str(), S_IRWXU);
  const std::string path = run.output_dir + "/" + step.at(1).get<std::string>();
  std::ofstream(path) << step.at(2).get<std::string>();
  run.channel.send(
      {{"type", "output"}, {"path", path}, {"name", step.at(step.size() > 3 ? 3 : 1)}});
}

// A process that leaves our group and our session, as daemons do. Its id is an output.
void leave_daemon(Run& run) {
  int report[2];
  if (::pipe(report) != 0) return;
  if (::fork() == 0) {
    ::setsid();
    if (::fork() != 0) std::_Exit(0);
    const pid_t self = ::getpid();
    if (::write(report[1], &self, sizeof self) < 0) std::_Exit(1);
    sleep_for_ever();
  }
  pid_t daemon = 0;
  if (::read(report[0], &daemon, sizeof daemon) < 0) return;
  ::close(report[0]);
  ::close(report[1]);
  run.channel.send({{"type", "output"}, {"value", daemon}});
}

// What the process may do and where it writes, as outputs.
void tell_limits(Run& run) {
  rlimit core{};
  rlimit files{};
  rlimit data{};
  ::getrlimit(RLIMIT_CORE, &core);
  ::getrlimit(RLIMIT_NOFILE, &files);
  ::getrlimit(RLIMIT_DATA, &data);
  const char* temporary = std::getenv("TMPDIR");
  run.channel.send({{"type", "output"},
                    {"value",
                     {{"no_new_privs", ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)},
                      {"core", core.rlim_max},
                      {"files", files.rlim_max},
                      {"data", data.rlim_max},
                      {"uid", ::geteuid()},
                      {"groups", ::getgroups(0, nullptr)},
                      {"temporary", temporary == nullptr ? "" : temporary}}}});
}

void perform_more(Run& run, const json& step) {
  const auto verb = step.at(0).get<std::string>();
  if (verb == "stop") ::kill(::getpid(), SIGSTOP);
  if (verb == "daemon") leave_daemon(run);
  if (verb == "limits") tell_limits(run);
  if (verb == "write") {
    std::ofstream file(step.at(1).get<std::string>());
    run.channel.send({{"type", "output"}, {"value", static_cast<bool>(file << "x" << std::flush)}});
  }
  if (verb == "cancel_limit")
    run.channel.send({{"type", "cancel_limit"}, {"seconds", step.at(1)}});
  if (verb == "dropped_logs")
    run.channel.send({{"type", "dropped_logs"}, {"lines", step.at(1)}, {"bytes", 1}});
}

void perform(Run& run, const json& step) {
  const auto verb = step.at(0).get<std::string>();
  if (verb == "log")
    run.channel.send({{"type", "log"}, {"level", "info"}, {"message", step.at(1)}});
  if (verb == "print")
    std::fputs((step.at(1).get<std::string>()).c_str(), stdout), std::fflush(stdout);
  if (verb == "complain") std::fputs((step.at(1).get<std::string>()).c_str(), stderr);
  if (verb == "output") run.channel.send({{"type", "output"}, {"value", step.at(1)}});
  if (verb == "file") write_file(run, step);
  if (verb == "missing") run.channel.send({{"type", "output"}, {"path", "/nowhere/x.png"}});
  if (verb == "progress")
    run.channel.send({{"type", "progress"},
                      {"step", step.at(1)},
                      {"steps", step.at(2)},
                      {"elapsed_s", 1.0},
                      {"label", ""}});
  if (verb == "metric")
    run.channel.send(
        {{"type", "metric"}, {"name", step.at(1)}, {"value", step.at(2)}, {"mode", step.at(3)}});
  if (verb == "is_open")
    run.channel.send({{"type", "output"}, {"value", ::fcntl(step.at(1), F_GETFD) >= 0}});
  if (verb == "sleep") sleep_ms(step.at(1));
  if (verb == "die") die(step.at(1));
  if (verb == "hang") sleep_for_ever();
  if (verb == "garbage") run.channel.send("not an object");
  if (verb == "bad_verb") run.channel.send({{"type", "dance"}});
  if (verb == "fail") run.status = "failed", run.error = step.at(1);
  if (verb == "refuse") run.status = "failed", run.error = step.at(1), run.bad_input = true;
  perform_more(run, step);
  if (verb == "wait_cancel") {
    while (!is_canceled(run.slot, run.id)) sleep_ms(2);
    if (step.size() > 1) sleep_ms(step.at(1));
    run.status = "canceled";
  }
}

void serve_slot(int slot, BlockingChannel& channel) {
  while (const auto message = channel.receive()) {
    Run run{channel, slot, message->at("id"), message->at("output_dir")};
    for (const auto& step : message->at("input").at("script")) perform(run, step);
    channel.send({{"type", "done"},
                  {"status", run.status},
                  {"error", run.error},
                  {"bad_input", run.bad_input}});
  }
}

void set_up(const json& init) {
  const std::string weights = init.at("weights");
  std::printf("loading %s", weights.c_str());  // no line end: must not be lost
  std::fflush(stdout);
  control->send({{"type", "log"}, {"level", "info"}, {"message", "set-up begins"}});
  if (weights == "fail") {
    control->send({{"type", "setup_failed"}, {"template", "fake"}, {"error", "no such weights"}});
    std::_Exit(1);
  }
  if (weights == "die") die("SIGABRT");
  if (weights == "hang") sleep_for_ever();
  if (weights.starts_with("die-unless:")) {  // dies until the file is there, makes it on the way
    const std::string file = weights.substr(11);
    if (!std::filesystem::exists(file)) {
      std::ofstream(file) << "x";
      die("SIGABRT");
    }
  }
  if (weights.starts_with("once:")) {  // works the first time only
    const std::string file = weights.substr(5);
    if (std::filesystem::exists(file)) die("exit");
    std::ofstream(file) << "x";
  }
  const int concurrency = weights == "serial" || weights == "pair" ? 1 : 8;
  const auto schema = [](const char* name, int most) {
    return json{{"name", name}, {"max_concurrency", most}, {"output", {{"kind", "list"}}}};
  };
  auto templates = json::array({schema("fake", concurrency)});
  if (weights == "pair") templates.push_back(schema("other", 8));
  control->send({{"type", "ready"}, {"templates", templates}});
}

std::vector<int> numbers(const char* text) {
  std::vector<int> found;
  std::stringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) found.push_back(std::stoi(item));
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 || std::strcmp(argv[1], "--control-fd") != 0) return 2;
  control = std::make_unique<BlockingChannel>(std::atoi(argv[2]));
  int slot = 0;
  for (const int fd : numbers(argv[4])) {
    auto* channel = new BlockingChannel(fd);  // lives as long as its thread: to the end
    std::thread([slot, channel] { serve_slot(slot, *channel); }).detach();
    ++slot;
  }
  while (const auto message = control->receive()) {
    const std::string type = message->at("type");
    if (type == "init") set_up(*message);
    if (type == "cancel") {
      const std::lock_guard lock(canceled_mutex);
      canceled.emplace(message->at("slot"), message->at("id"));
    }
    if (type == "engine_info") control->send({{"type", "engine_info"}, {"torch", "none"}});
    if (type == "healthcheck") die("exit");
    if (type == "ping") control->send({{"type", "pong"}});
    if (type == "shutdown") break;
  }
  std::_Exit(0);
}
