#include "host/workers/worker_pool.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "host/base/logging.hpp"
#include "host/workers/worker_unit.hpp"

namespace dream::host {
namespace {

constexpr std::size_t max_setup_log_bytes = 1U << 20;
constexpr std::string_view setup_log_cut = "[the set-up's logs end here: they reached 1 MiB]\n";

}  // namespace

std::string_view to_string(Health health) {
  switch (health) {
    case Health::starting:
      return "STARTING";
    case Health::ready:
      return "READY";
    case Health::busy:
      return "BUSY";
    case Health::setup_failed:
      return "SETUP_FAILED";
    case Health::unhealthy:
      return "UNHEALTHY";
    case Health::defunct:
      return "DEFUNCT";
  }
  return "UNKNOWN";
}

struct WorkerPool::State {
  State(boost::asio::io_context& context, WorkerOptions chosen)
      : io(context), options(std::move(chosen)), shutdown_limit(context) {}

  boost::asio::io_context& io;
  WorkerOptions options;
  std::vector<std::unique_ptr<WorkerUnit>> units;
  Health phase = Health::starting;  // starting, ready, setup_failed or defunct
  bool settled = false;
  SetupReport report;
  std::vector<nlohmann::json> schemas;
  std::vector<std::function<void()>> on_settled;
  std::function<void()> on_room;
  bool room_posted = false;
  std::uint64_t respawns = 0;
  boost::asio::steady_timer shutdown_limit;
  bool stopping = false;
  std::function<void()> on_stopped;
  std::shared_ptr<int> alive = std::make_shared<int>();  // guards handlers that were posted

  std::size_t count(WorkerUnit::State state) const;
  WorkerUnit* unit_for(const std::string& template_name) const;
  int max_concurrency(const std::string& template_name) const;
  void changed();
  Health next_phase() const;
  void add_setup_log(std::string_view lines);
  void post(std::function<void()> action);
  void tell_room();
};

std::size_t WorkerPool::State::count(WorkerUnit::State state) const {
  return static_cast<std::size_t>(std::count_if(
      units.begin(), units.end(), [&](const auto& unit) { return unit->state() == state; }));
}

// The first set-up ends when no unit is starting any more; later, one ready unit is enough.
Health WorkerPool::State::next_phase() const {
  using Unit = WorkerUnit::State;
  if (count(Unit::setup_failed) > 0) return Health::setup_failed;
  const bool in_motion = count(Unit::starting) + count(Unit::waiting) > 0;
  const std::size_t ready = count(Unit::ready);
  if (ready > 0 && (settled || !in_motion)) return Health::ready;
  return in_motion ? Health::starting : Health::defunct;
}

void WorkerPool::State::changed() {
  if (stopping) {
    if (!on_stopped || count(WorkerUnit::State::stopped) < units.size()) return;
    shutdown_limit.cancel();
    return post(std::exchange(on_stopped, nullptr));
  }
  tell_room();
  const Health before = std::exchange(phase, next_phase());
  if (phase == before) return;
  if (phase == Health::starting) {
    report = {Clock::now(), std::nullopt, "starting", {}};
    return;
  }
  if (before == Health::starting) {
    report.completed_at = Clock::now();
    report.status = phase == Health::ready ? "succeeded" : "failed";
  }
  log_at(phase == Health::ready ? "info" : "error",
         std::string("workers are ").append(to_string(phase)));
  settled = true;
  if (phase == Health::setup_failed)  // the other processes would fail alike
    for (const auto& unit : units)
      if (unit->state() != WorkerUnit::State::setup_failed) unit->stop();
  for (auto& callback : std::exchange(on_settled, {})) post(std::move(callback));
}

void WorkerPool::State::add_setup_log(std::string_view lines) {
  if (phase != Health::starting || report.logs.ends_with(setup_log_cut)) return;
  const bool fits = report.logs.size() + lines.size() < max_setup_log_bytes;
  report.logs += fits ? lines : setup_log_cut;
}

// Once for all that happens in one turn of the loop, and never from within what happened.
void WorkerPool::State::tell_room() {
  if (!on_room || std::exchange(room_posted, true)) return;
  post([this] {
    room_posted = false;
    if (on_room) on_room();
  });
}

void WorkerPool::State::post(std::function<void()> action) {
  boost::asio::post(io, [action = std::move(action), guard = std::weak_ptr(alive)] {
    if (!guard.expired()) action();
  });
}

int WorkerPool::State::max_concurrency(const std::string& template_name) const {
  for (const auto& schema : schemas)
    if (schema.value("name", "") == template_name) return schema.value("max_concurrency", 0);
  return 0;
}

WorkerUnit* WorkerPool::State::unit_for(const std::string& template_name) const {
  const int limit = max_concurrency(template_name);
  const auto found = std::find_if(units.begin(), units.end(), [&](const auto& unit) {
    return unit->can_run(template_name, limit);
  });
  return found == units.end() ? nullptr : found->get();
}

WorkerPool::WorkerPool(boost::asio::io_context& io, WorkerOptions options)
    : state_(std::make_unique<State>(io, std::move(options))) {
  const WorkerOptions& chosen = state_->options;
  const int slots = std::max(1, chosen.slots);
  const int units = chosen.slot_isolation ? slots : 1;
  State* state = state_.get();
  state->report.started_at = Clock::now();
  for (int i = 0; i < units; ++i) {
    state->units.push_back(std::make_unique<WorkerUnit>(
        io, chosen, slots / units,
        WorkerUnit::Events{[state] { state->changed(); }, [state] { state->tell_room(); },
                           [state] { ++state->respawns; },
                           [state](std::string_view lines) { state->add_setup_log(lines); },
                           [state](const auto& schemas) { state->schemas = schemas; }}));
  }
}

WorkerPool::~WorkerPool() = default;

void WorkerPool::start() {
  state_->report.started_at = Clock::now();
  for (const auto& unit : state_->units) unit->start();
}

void WorkerPool::set_weights(const std::string& weights) {
  state_->options.weights = weights;
}

void WorkerPool::refuse_setup(const std::string& why) {
  log_at("error", why);
  const auto now = Clock::now();
  state_->report = {state_->report.started_at, now, "failed", state_->report.logs + why + '\n'};
  state_->phase = Health::setup_failed;
  state_->settled = true;
  for (auto& callback : std::exchange(state_->on_settled, {})) state_->post(std::move(callback));
}

void WorkerPool::shutdown(std::chrono::milliseconds limit, std::function<void()> done) {
  State* state = state_.get();
  state->stopping = true;
  state->on_stopped = std::move(done);
  state->shutdown_limit.expires_after(limit);
  state->shutdown_limit.async_wait([state, guard = std::weak_ptr(state->alive)](const auto& error) {
    if (error || guard.expired()) return;
    for (const auto& unit : state->units) unit->kill("it was shut down");
  });
  for (const auto& unit : state->units) unit->stop();
  state->changed();
}

Health WorkerPool::health() const {
  if (state_->phase != Health::ready) return state_->phase;
  const auto& schemas = state_->schemas;
  const bool any_free = std::any_of(schemas.begin(), schemas.end(), [&](const auto& schema) {
    return state_->unit_for(schema.value("name", "")) != nullptr;
  });
  return any_free || schemas.empty() ? Health::ready : Health::busy;
}

const SetupReport& WorkerPool::setup() const {
  return state_->report;
}

const std::vector<nlohmann::json>& WorkerPool::schemas() const {
  return state_->schemas;
}

void WorkerPool::on_settled(std::function<void()> callback) {
  if (state_->settled)
    state_->post(std::move(callback));
  else
    state_->on_settled.push_back(std::move(callback));
}

bool WorkerPool::run(std::shared_ptr<Prediction> prediction, const nlohmann::json& resolved_input) {
  WorkerUnit* unit = state_->unit_for(prediction->snapshot().template_name);
  if (unit == nullptr) return false;
  unit->run(std::move(prediction), resolved_input);
  return true;
}

bool WorkerPool::can_run(const std::string& template_name) const {
  return state_->unit_for(template_name) != nullptr;
}

void WorkerPool::cancel(const Prediction& prediction, const Outcome& outcome) {
  for (const auto& unit : state_->units)
    if (unit->cancel(prediction, outcome)) return;
}

std::size_t WorkerPool::capacity() const {
  std::size_t sum = 0;
  for (const auto& unit : state_->units) sum += unit->capacity(0);
  return sum;
}

std::size_t WorkerPool::capacity(const std::string& template_name) const {
  const int limit = state_->max_concurrency(template_name);
  std::size_t sum = 0;
  for (const auto& unit : state_->units) sum += unit->capacity(limit);
  return sum;
}

void WorkerPool::on_room(std::function<void()> callback) {
  state_->on_room = std::move(callback);
}

std::uint64_t WorkerPool::respawns() const {
  return state_->respawns;
}

std::vector<pid_t> WorkerPool::process_ids() const {
  std::vector<pid_t> ids;
  for (const auto& unit : state_->units) ids.push_back(unit->process_id());
  return ids;
}

void WorkerPool::request(nlohmann::json message, std::function<void(nlohmann::json)> done) {
  for (const auto& unit : state_->units)
    if (unit->state() == WorkerUnit::State::ready)
      return unit->request(std::move(message), std::move(done));
  state_->post([done = std::move(done)] { done({{"error", "no worker is ready"}}); });
}

void WorkerPool::request_all(const nlohmann::json& message,
                             std::function<void(std::vector<nlohmann::json>)> done) {
  struct Answers {
    std::vector<nlohmann::json> got;
    std::size_t missing = 0;
    std::function<void(std::vector<nlohmann::json>)> done;
  };
  const auto answers = std::make_shared<Answers>();
  answers->done = std::move(done);
  answers->missing = state_->count(WorkerUnit::State::ready);
  answers->got.assign(state_->units.size(), {{"error", "no worker is ready"}});
  if (answers->missing == 0)
    return state_->post([answers] { answers->done(std::move(answers->got)); });
  for (std::size_t i = 0; i < state_->units.size(); ++i) {
    WorkerUnit& unit = *state_->units[i];
    if (unit.state() != WorkerUnit::State::ready) continue;
    unit.request(message, [answers, i](nlohmann::json answer) {
      answers->got[i] = std::move(answer);
      if (--answers->missing == 0) answers->done(std::move(answers->got));
    });
  }
}

}  // namespace dream::host
