#include "host/workers/worker_unit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "host/base/logging.hpp"
#include "host/base/time.hpp"

namespace dream::host {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds longest_respawn_delay{30'000};
constexpr milliseconds refused_setup_limit{2'000};  // to exit after setup_failed

// The messages a worker may answer with, by the request that asks for them.
std::string answer_to(const std::string& request_type) {
  return request_type == "engine_info" ? request_type : request_type + "_result";
}

}  // namespace

WorkerUnit::WorkerUnit(boost::asio::io_context& io, const WorkerOptions& options, int slots,
                       Events events)
    : options_(options),
      io_(io),
      events_(std::move(events)),
      timer_(io),
      setup_timer_(io),
      watchdog_(
          io, options.watchdog_limit, [this] { process_->send({{"type", "ping"}}); },
          [this] { kill("it did not answer for " + seconds_text(options_.watchdog_limit)); }) {
  for (int i = 0; i < slots; ++i)
    slots_.push_back(std::make_unique<Slot>(io, options.output_limits));
}

void WorkerUnit::start() {
  spawn();
}

void WorkerUnit::spawn() {
  setup_refused_ = planned_end_ = false;
  set_state(State::starting);
  try {
    process_ = std::make_unique<WorkerProcess>(
        io_,
        WorkerLaunch{options_.program, static_cast<int>(slots_.size()), options_.sandbox,
                     options_.scratch},
        WorkerProcess::Handlers{
            [this](const nlohmann::json& message) { on_control(message); },
            [this](int slot, const nlohmann::json& message) { on_slot(slot, message); },
            [this](std::string_view line, bool is_stderr) { on_output(line, is_stderr); },
            [this](const std::string& reason) { on_exit(reason); }});
    process_id_ = process_->pid();
    log_at("debug", "started", {.worker = process_id_});
    process_->send(init_message());
    limit_setup();
    watchdog_.start();
  } catch (const std::exception& error) {
    events_.setup_log(fmt::format("{}\n", error.what()));
    log_at("error", error.what());
    plan_respawn();
  }
}

nlohmann::json WorkerUnit::init_message() const {
  auto templates = nlohmann::json::array();
  for (const auto& entry : options_.templates)
    templates.push_back({{"name", entry.name}, {"path", entry.path.string()}});
  return {{"type", "init"},
          {"templates", std::move(templates)},
          {"weights", options_.weights},
          {"models", options_.models.string()},
          {"trainings", options_.trainings.string()},
          {"device", options_.device},
          {"dtype", options_.dtype},
          {"threads", options_.threads},
          {"memory_budget", options_.memory_budget},
          {"request_weights", options_.request_weights},
          {"setup", options_.setup}};
}

// A set-up that hangs would leave the server STARTING for ever.
void WorkerUnit::limit_setup() {
  if (options_.setup_limit.count() == 0) return;
  setup_timer_.expires_after(options_.setup_limit);
  setup_timer_.async_wait([this, guard = std::weak_ptr(alive_)](const auto& error) {
    if (error || guard.expired() || state_ != State::starting) return;
    setup_refused_ = true;
    const auto text =
        "worker setup timed out: it took longer than " + seconds_text(options_.setup_limit);
    process_->drain_output();
    log_at("error", text, {.worker = process_id_});
    events_.setup_log(text + '\n');
    kill(text);
  });
}

void WorkerUnit::stop() {
  stopping_ = true;
  timer_.cancel();
  setup_timer_.cancel();
  watchdog_.stop();  // a process on its way out reads no questions
  if (process_ == nullptr) return set_state(State::stopped);
  process_->send({{"type", "shutdown"}});
}

void WorkerUnit::kill(const std::string& why) {
  watchdog_.stop();
  if (process_ != nullptr) process_->kill(why);
}

bool WorkerUnit::can_run(std::string_view template_name, int max_concurrency) const {
  if (state_ != State::ready || planned_end_ || stopping_) return false;
  int running = 0;
  bool any_free = false;
  for (const auto& slot : slots_) {
    any_free = any_free || slot->is_free();
    const auto& prediction = slot->prediction();
    if (prediction != nullptr && prediction->snapshot().template_name == template_name) ++running;
  }
  return any_free && (max_concurrency <= 0 || running < max_concurrency);
}

void WorkerUnit::run(std::shared_ptr<Prediction> prediction, const nlohmann::json& resolved_input) {
  const auto free =
      std::find_if(slots_.begin(), slots_.end(), [](const auto& slot) { return slot->is_free(); });
  process_->drain_output();  // what was printed before belongs to nobody
  process_->hand_over(prediction->folder());
  const Snapshot& snapshot = prediction->snapshot();
  nlohmann::json order = {{"type", "predict"},
                          {"id", snapshot.id},
                          {"run", (*free)->run_number() + 1},
                          {"template", snapshot.template_name},
                          {"entry", snapshot.entry},
                          {"input", resolved_input},
                          {"previews", snapshot.previews},
                          {"output_dir", prediction->folder().string()}};
  if (!snapshot.context.empty()) order["context"] = snapshot.context;
  process_->send(static_cast<int>(free - slots_.begin()), order);
  (*free)->begin(prediction);
  prediction->start(process_id_);
}

std::size_t WorkerUnit::capacity(int max_concurrency) const {
  if (state_ != State::ready || planned_end_ || stopping_) return 0;
  if (max_concurrency <= 0) return slots_.size();
  return std::min(slots_.size(), static_cast<std::size_t>(max_concurrency));
}

bool WorkerUnit::cancel(const Prediction& prediction, const Outcome& outcome) {
  const auto found = std::find_if(slots_.begin(), slots_.end(), [&](const auto& slot) {
    return slot->prediction().get() == &prediction;
  });
  if (found == slots_.end()) return false;
  cancel_slot(static_cast<int>(found - slots_.begin()), outcome);
  return true;
}

void WorkerUnit::cancel_slot(int index, const Outcome& outcome) {
  Slot& slot = *slots_.at(static_cast<std::size_t>(index));
  if (slot.cancel_requested()) return;
  slot.request_cancel(outcome);
  process_->send({{"type", "cancel"},
                  {"slot", index},
                  {"id", slot.prediction()->snapshot().id},
                  {"run", slot.run_number()}});
  const auto& own = slot.cancel_limit();
  const auto limit = own ? std::chrono::milliseconds(*own) : options_.cancel_limit;
  slot.limit(limit, [this, &slot] {
    slot.prediction()->log("The template ignores cancel: its worker is ended.");
    const Snapshot& snapshot = slot.prediction()->snapshot();
    log_at("warning", "template ignores cancel: " + snapshot.template_name,
           {snapshot.id, snapshot.template_name, process_id_});
    planned_end_ = true;
    process_->kill("another prediction of this worker ignored its cancel");
  });
}

void WorkerUnit::request(nlohmann::json message, std::function<void(nlohmann::json)> done) {
  requests_.push_back({answer_to(message.at("type")), std::move(done)});
  process_->send(message);
}

void WorkerUnit::on_control(const nlohmann::json& message) {
  const auto type = message.at("type").get<std::string>();
  if (type == "ready") return on_ready(message);
  if (type == "setup_failed") return on_setup_failed(message);
  if (type == "log") return on_log(message);
  if (type == "pong") return watchdog_.answered();
  on_answer(type, message);
}

void WorkerUnit::on_slot(int index, const nlohmann::json& message) {
  Slot& slot = *slots_.at(static_cast<std::size_t>(index));
  const Slot::Said said = slot.on_message(message);
  if (said == Slot::Said::done) settle(slot);
  if (said == Slot::Said::too_much) cancel_slot(index, {Status::failed, slot.output_error()});
}

void WorkerUnit::on_ready(const nlohmann::json& message) {
  if (state_ != State::starting) throw std::runtime_error("'ready' from a worker that was ready");
  const auto schemas = message.at("templates").get<std::vector<nlohmann::json>>();
  setup_timer_.cancel();
  process_->drain_output();
  ready_since_ = std::chrono::steady_clock::now();
  was_ready_ = true;
  events_.ready(schemas);
  set_state(State::ready);
}

void WorkerUnit::on_setup_failed(const nlohmann::json& message) {
  setup_refused_ = true;
  process_->drain_output();
  const auto name = message.value("template", "");
  const auto text = fmt::format("worker setup failed{}{}: {}\n", name.empty() ? "" : ": ", name,
                                message.at("error").get<std::string>());
  log_at("error", std::string_view(text).substr(0, text.size() - 1),
         {.template_name = name, .worker = process_id_});
  events_.setup_log(text);
  after(refused_setup_limit, [this] { kill("it did not exit after its set-up had failed"); });
}

void WorkerUnit::on_log(const nlohmann::json& message) {
  const auto text = message.at("message").get<std::string>();
  if (state_ == State::starting) events_.setup_log(text + '\n');
  log_worker_line(message.value("level", "info"), text);
}

void WorkerUnit::on_answer(const std::string& type, const nlohmann::json& message) {
  const auto request = std::find_if(requests_.begin(), requests_.end(), [&](const Request& entry) {
    return entry.answer_type == type;
  });
  if (request == requests_.end())
    throw std::runtime_error("unexpected message type '" + type + "' on the control channel");
  const auto done = std::move(request->done);
  requests_.erase(request);
  done(message);
}

// Raw output has no address: it belongs to the set-up, or to the one prediction that runs here.
void WorkerUnit::on_output(std::string_view line, bool is_stderr) {
  if (state_ == State::starting) {
    events_.setup_log(line);
  } else {
    Prediction* only = nullptr;
    std::size_t running = 0;
    for (const auto& slot : slots_) {
      if (slot->prediction() == nullptr) continue;
      only = slot->prediction().get();
      ++running;
    }
    if (running == 1)
      return only->log(line, is_stderr ? LogSource::standard_error : LogSource::standard_output);
  }
  log_worker_line("info", line.substr(0, line.size() - 1));
}

// To the server's log, which a worker must not fill.
void WorkerUnit::log_worker_line(std::string_view level, std::string_view line) {
  if (!server_log_.pass()) return;
  if (const auto dropped = server_log_.take_dropped(); dropped > 0)
    log_at("warning", fmt::format("{} lines of a worker's output were dropped", dropped),
           {.worker = process_id_});
  log_at(level, line, {.worker = process_id_});
}

// The worker has said how the run ended. The slot is free before anybody hears of it.
void WorkerUnit::settle(Slot& slot) {
  process_->drain_output();
  const auto ended = slot.take_prediction({});
  slot.release();
  if (ended.outcome.status == Status::succeeded) respawns_ = 0;
  ended.prediction->end(ended.outcome);
  events_.room();
}

void WorkerUnit::on_exit(const std::string& reason) {
  const auto last = std::move(process_);  // lives until we are through
  const pid_t last_id = std::exchange(process_id_, 0);
  timer_.cancel();
  setup_timer_.cancel();
  watchdog_.stop();
  const std::string error = (planned_end_ ? "Worker ended: " : "Worker crashed: ") + reason;
  const bool expected = stopping_ || setup_refused_ || planned_end_;
  if (!expected) log_at("error", error, {.worker = last_id});

  const bool in_setup = state_ == State::starting;
  if (in_setup && !expected) events_.setup_log(error + '\n');
  const auto ended = empty_slots(error);
  const auto requests = std::exchange(requests_, {});
  if (stopping_)
    set_state(State::stopped);
  else if (setup_refused_ && !was_ready_)
    set_state(State::setup_failed);
  else
    plan_respawn();
  if (!in_setup && !expected) events_.setup_log(error + '\n');
  for (const auto& [prediction, outcome] : ended) prediction->end(outcome);
  for (const auto& request : requests) request.done({{"error", error}});
}

std::vector<Slot::Ended> WorkerUnit::empty_slots(const std::string& error) {
  std::vector<Slot::Ended> ended;
  for (const auto& slot : slots_) {
    const bool to_cancel = (planned_end_ || stopping_) && slot->cancel_requested();
    auto end = slot->take_prediction(to_cancel ? slot->cancel_outcome()
                                               : Outcome{.error = error, .worker_died = true});
    slot->release();
    if (end.prediction != nullptr) ended.push_back(std::move(end));
  }
  return ended;
}

void WorkerUnit::plan_respawn() {
  const bool had_been_ready = state_ == State::ready;
  const auto lifetime = std::chrono::steady_clock::now() - ready_since_;
  if (had_been_ready && lifetime >= options_.steady_after) respawns_ = 0;
  milliseconds delay{0};
  if (!planned_end_) {
    if (respawns_ >= options_.max_respawns) return set_state(State::defunct);
    delay = options_.respawn_delay * (1L << std::min(respawns_, 20));
    delay = std::min(delay, longest_respawn_delay);
    ++respawns_;
  }
  after(delay, [this] {
    events_.respawned();
    spawn();
  });
  set_state(State::waiting);
}

void WorkerUnit::after(std::chrono::milliseconds delay, std::function<void()> action) {
  timer_.expires_after(delay);
  timer_.async_wait(
      [action = std::move(action), guard = std::weak_ptr(alive_), this](const auto& error) {
        if (!error && !guard.expired() && !stopping_) action();
      });
}

void WorkerUnit::set_state(State state) {
  if (std::exchange(state_, state) != state) events_.changed();
}

}  // namespace dream::host
