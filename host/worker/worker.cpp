#include "host/worker/worker.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cstdlib>
#include <utility>

#include "host/base/paths.hpp"
#include "host/worker/bench.hpp"
#include "host/worker/crash_report.hpp"
#include "host/worker/log_limit.hpp"
#include "host/worker/sdk_host/sdk_error.hpp"

namespace dream::worker {
namespace {

// What a run is called between host and worker: no later run has the same name.
std::string run_of(const nlohmann::json& message) {
  return message.value("id", "") + '#' + std::to_string(message.value("run", std::uint64_t{0}));
}

// Said behind an error that looks like an allocation that failed, if memory is limited here.
std::string memory_hint(const std::string& error) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return "";
  const bool is_memory = error.find("bad_alloc") != std::string::npos ||
                         error.find("allocate memory") != std::string::npos ||
                         error.find("out of memory") != std::string::npos;
  if (!is_memory) return "";
  return " (a worker may have " + std::to_string(limit.rlim_cur >> 20) + " MiB)";
}

}  // namespace

Errands::Errands() : thread_([this] { work(); }) {}

Errands::~Errands() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Errands::add(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void Errands::work() {
  const SignalStack signal_stack;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (stop_) return;
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

Worker::Worker(int control_fd, const std::vector<int>& slot_fds)
    : control_(control_fd),
      slot_fds_(slot_fds),
      host_([this](const nlohmann::json& message) { control_.send(message); }) {
  for (const int fd : slot_fds_) slots_.push_back(std::make_unique<host::BlockingChannel>(fd));
}

int Worker::serve() {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    slot_threads_.emplace_back([this, slot] { serve_slot(static_cast<int>(slot)); });
  for (;;) {
    const auto message = control_.receive();
    if (!message) std::_Exit(0);  // the host is gone, and with it everyone who waits for a result
    if (message->value("type", "") == "shutdown") break;
    handle(*message);
  }
  stop();
  return 0;
}

void Worker::handle(const nlohmann::json& message) {
  const std::string type = message.value("type", "");
  if (type == "init") {
    errands_.add([this, message] {
      try {
        init(message);
      } catch (const std::exception& error) {
        fail_setup("", error.what());
      }
    });
  } else if (type == "cancel") {
    cancels_.cancel(message.at("slot").get<int>(), run_of(message));
  } else if (type == "healthcheck") {
    errands_.add([this, name = message.value("template", "")] { healthcheck(name); });
  } else if (type == "engine_info") {
    errands_.add([this] { engine_info(); });
  } else if (type == "bench") {
    errands_.add([this, message] { bench(message); });
  } else if (type == "ping") {
    control_.send({{"type", "pong"}});
    reap_if_unused();  // what ended after its run
  } else if (type == "residents") {
    residents();  // at once: it waits for no load
  } else {
    host_.log("warning", "the worker does not know the message '" + type + "'");
  }
}

void Worker::init(const nlohmann::json& message) {
  host_.weights = message.value("weights", "none");
  if (host_.weights.empty()) host_.weights = "none";
  host_.models = message.value("models", "");
  host_.trainings = message.value("trainings", "");
  host_.engine_options.device = message.value("device", "auto");
  host_.engine_options.dtype = message.value("dtype", "auto");
  host_.engine_options.threads = message.value("threads", 0);
  host_.engine_options.memory_budget = message.value("memory_budget", std::int64_t{0});
  host_.engine_options.log = [this](const std::string& line) { host_.log("info", line); };
  host_.engine_options.clip_vocabulary = host::clip_vocabulary();
  host_.engine_options.safety_checker = stored_safety_checker(host_.models);
  host_.engine_options.clip_vision = stored_clip_vision(host_.models);
  host_.defaults = diffusion_defaults(host_.weights);
  host_.defaults.request_weights = message.value("request_weights", false);
  load_templates(message, message.value("setup", true));
}

// With set-up one bad template is the end. Without it (a listing) the others are still described.
void Worker::load_templates(const nlohmann::json& message, bool setup) {
  auto schemas = nlohmann::json::array();
  std::string first_bad;
  std::string first_error;
  for (const auto& wanted : message.at("templates")) {
    const std::string name = wanted.value("name", "");
    const CrashContext context(("set-up of template " + name).c_str());
    try {
      auto loaded = std::make_unique<LoadedTemplate>(host_, wanted.at("path").get<std::string>());
      if (setup) loaded->create();
      schemas.push_back(loaded->schema());
      const std::lock_guard lock(templates_mutex_);
      if (!name.empty()) aliases_[name] = loaded.get();
      templates_.push_back(std::move(loaded));
    } catch (const std::exception& error) {
      if (setup) return fail_setup(name, error.what());
      host_.log("error", error.what());
      if (first_error.empty()) first_bad = name, first_error = error.what();
    }
  }
  if (schemas.empty() && !first_error.empty()) return fail_setup(first_bad, first_error);
  control_.send({{"type", "ready"}, {"templates", std::move(schemas)}});
}

void Worker::fail_setup(const std::string& name, const std::string& error) {
  control_.send({{"type", "setup_failed"}, {"template", name}, {"error", error}});
  std::_Exit(1);
}

LoadedTemplate* Worker::find(const std::string& name) {
  const std::lock_guard lock(templates_mutex_);
  for (const auto& loaded : templates_)
    if (loaded->name() == name) return loaded.get();
  const auto alias = aliases_.find(name);
  return alias == aliases_.end() ? nullptr : alias->second;
}

void Worker::healthcheck(const std::string& name) {
  nlohmann::json result = {{"type", "healthcheck_result"}, {"template", name}, {"healthy", true}};
  const CrashContext context(("health check of template " + name).c_str());
  try {
    const LoadedTemplate* loaded = find(name);
    if (loaded == nullptr) throw std::runtime_error("no template '" + name + "' is loaded");
    loaded->healthcheck();
  } catch (const std::exception& error) {
    result["healthy"] = false;
    result["error"] = error.what();
  }
  control_.send(result);
}

void Worker::engine_info() {
  nlohmann::json info = {{"type", "engine_info"}};
  try {
    engine::Engine& engine = host_.engine.engine(host_.engine_options);
    info["torch"] = engine.torch_version();
    info["device"] = engine.device();
    info["dtype"] = engine.dtype();
  } catch (const std::exception& error) {
    info["error"] = error.what();
  }
  control_.send(info);
}

void Worker::residents() {
  const engine::Engine* engine = host_.engine.loaded();
  nlohmann::json result = {{"type", "residents_result"},
                           {"memory_budget", engine == nullptr ? 0 : engine->memory_budget()},
                           {"residents", nlohmann::json::array()}};
  if (engine != nullptr) {
    for (const auto& resident : engine->residents())
      result["residents"].push_back({{"kind", resident.kind},
                                     {"name", resident.name},
                                     {"bytes", resident.bytes},
                                     {"uses", resident.uses},
                                     {"in_use", resident.in_use},
                                     {"idle_s", resident.idle_s}});
    if (const auto memory = engine->device_memory())
      result["device_memory"] = {{"device", engine->device()},
                                 {"used_bytes", memory->used_bytes},
                                 {"total_bytes", memory->total_bytes}};
  }
  control_.send(result);
}

void Worker::bench(const nlohmann::json& message) {
  nlohmann::json result;
  const CrashContext context("dream bench");
  try {
    result = run_bench(host_, message);
  } catch (const engine::InvalidInput& error) {
    result = {{"error", error.what()}, {"bad_input", true}};
  } catch (const std::exception& error) {
    result = {{"error", error.what()}};
  }
  result["type"] = "bench_result";
  control_.send(result);
}

void Worker::serve_slot(int slot) {
  const SignalStack signal_stack;
  host::BlockingChannel& channel = *slots_[static_cast<std::size_t>(slot)];
  try {
    while (const auto message = channel.receive()) {
      if (message->value("type", "") != "predict") continue;
      channel.send(run_prediction(slot, *message));
    }
  } catch (const std::exception& error) {  // the host broke the framing: this slot is of no use
    host_.log("error", "slot " + std::to_string(slot) + ": " + error.what());
    ::shutdown(slot_fds_[static_cast<std::size_t>(slot)], SHUT_RDWR);
  }
}

// Runs it to its end. Returns the `done` message.
nlohmann::json Worker::run_prediction(int slot, const nlohmann::json& message) {
  const std::string id = message.value("id", "");
  const Cancels::Flag canceled = cancels_.begin(slot, run_of(message));
  const CrashContext context(
      ("template " + message.value("template", "") + ", prediction " + id).c_str());
  nlohmann::json done = {{"type", "done"}, {"status", "succeeded"}};
  {
    const std::lock_guard lock(runs_mutex_);
    ++runs_;
  }
  try {
    run_template(slot, message, *canceled);
  } catch (const SdkError& error) {
    done["status"] = error.code() == DREAM_CANCELED ? "canceled" : "failed";
    if (error.code() != DREAM_CANCELED) done["error"] = error.what() + memory_hint(error.what());
    if (error.code() == DREAM_INVALID_INPUT) done["bad_input"] = true;
  } catch (const std::exception& error) {
    done["status"] = "failed";
    done["error"] = error.what() + memory_hint(error.what());
  }
  cancels_.end(slot);
  {
    const std::lock_guard lock(runs_mutex_);
    --runs_;
  }
  reap_if_unused();
  return done;
}

void Worker::run_template(int slot, const nlohmann::json& message,
                          const std::atomic<bool>& canceled) {
  const std::string name = message.value("template", "");
  LoadedTemplate* loaded = find(name);
  if (loaded == nullptr) throw std::runtime_error("no template '" + name + "' is loaded");
  host::BlockingChannel& channel = *slots_[static_cast<std::size_t>(slot)];
  const bool train = message.value("entry", "predict") == "train";
  const auto entry = train ? LoadedTemplate::Entry::train : LoadedTemplate::Entry::predict;
  const bool single = loaded->has_single_output(entry);
  LogLimit logs;
  const auto send = [&](const nlohmann::json& news) {
    const auto& type = news.at("type").get_ref<const std::string&>();
    // A single output is a run's result: it goes with what the run says next, mostly its end.
    if (single && type == "output") return channel.hold(news);
    if (type != "log" || logs.pass(news.at("message").get_ref<const std::string&>()))
      channel.send(news);
  };
  const auto tell_dropped = [&] {
    if (logs.dropped_lines() > 0)
      channel.send({{"type", "dropped_logs"},
                    {"lines", logs.dropped_lines()},
                    {"bytes", logs.dropped_bytes()}});
  };
  try {
    loaded->run(entry,
                {message.value("id", ""), name, message.at("input"),
                 message.at("output_dir").get<std::string>(), message.value("previews", false),
                 message.value("context", std::map<std::string, std::string, std::less<>>())},
                send, canceled);
  } catch (...) {
    tell_dropped();
    throw;
  }
  tell_dropped();
}

// Children that a template started and never waited for, and what these have left behind, become
// zombies of ours. They are cleared away when no run is there that may yet wait for one.
void Worker::reap_if_unused() {
  const std::lock_guard lock(runs_mutex_);
  if (runs_ > 0) return;
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

// The host has drained its predictions, or does not want to wait for them.
void Worker::stop() {
  cancels_.cancel_all();
  for (const int fd : slot_fds_) ::shutdown(fd, SHUT_RD);
  for (auto& thread : slot_threads_) thread.join();
  for (const auto& loaded : templates_) loaded->destroy();
}

}  // namespace dream::worker
