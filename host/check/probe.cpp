#include "host/check/probe.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/base/ids.hpp"
#include "host/base/time.hpp"

namespace dream::host::check {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Milliseconds cancel_limit{5'000};  // to end after a cancel
constexpr Milliseconds end_limit{5'000};     // to exit after `shutdown`

double ms_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

}  // namespace

Probe::Probe(Bench& bench, int slots) : bench_(bench), runs_(static_cast<std::size_t>(slots)) {
  process_ = std::make_unique<WorkerProcess>(
      bench.io,
      WorkerLaunch{.program = bench.worker.program, .slots = slots, .end_strays = false},
      WorkerProcess::Handlers{
          [this](const nlohmann::json& message) { on_control(message); },
          [this](int slot, const nlohmann::json& message) { on_slot(slot, message); },
          [this](std::string_view line, bool) { printed_bytes_ += line.size(); },
          [this](const std::string& reason) {
            ended_ = true;
            end_ = reason;
          }});
}

Probe::~Probe() = default;

bool Probe::wait(Milliseconds limit, const std::function<bool()>& done) {
  boost::asio::steady_timer timer(bench_.io, limit);
  bool expired = false;
  timer.async_wait([&expired](const boost::system::error_code& error) { expired = !error; });
  bench_.wait([&] { return expired || done(); });
  if (!expired) {
    timer.cancel();
    bench_.io.poll();  // the handler refers to this frame
  }
  return done();
}

void Probe::kill(const std::string& why) {
  process_->kill(why);
  bench_.wait([this] { return ended_; });
}

void Probe::on_control(const nlohmann::json& message) {
  const auto type = message.at("type").get<std::string>();
  if (type == "ready") {
    schemas_ = message.at("templates").get<std::vector<nlohmann::json>>();
    ready_ = true;
  } else if (type == "setup_failed") {
    setup_error_ = message.at("error").get<std::string>();
  } else if (type == "log") {
    const auto text = message.at("message").get<std::string>();
    printed_bytes_ += text.size();
    if (message.value("level", "") == "error") logged_error_ = text;
  }
}

void Probe::on_slot(int slot, const nlohmann::json& message) {
  Run& run = runs_.at(static_cast<std::size_t>(slot));
  const auto type = message.at("type").get<std::string>();
  if (type == "log") {
    printed_bytes_ += message.at("message").get_ref<const std::string&>().size();
  } else if (type == "dropped_logs") {
    printed_bytes_ += message.at("bytes").get<std::size_t>();
  } else if (type == "output") {
    run.outcome.outputs.push_back(message);
  } else if (type == "done") {
    run.outcome.status = message.at("status").get<std::string>();
    run.outcome.error = message.value("error", "");
    run.outcome.bad_input = message.value("bad_input", false);
    const auto now = Clock::now();
    run.outcome.time_ms = ms_between(run.started, now);
    if (run.canceled != Clock::time_point()) run.outcome.cancel_ms = ms_between(run.canceled, now);
    run.done = true;
  }
}

std::string Probe::set_up(const std::vector<std::string>& names, bool setup) {
  auto templates = nlohmann::json::array();
  for (const auto& name : names)
    templates.push_back({{"name", name}, {"path", bench_.file.string()}});
  const WorkerOptions& worker = bench_.worker;
  process_->send({{"type", "init"},
                  {"templates", std::move(templates)},
                  {"weights", worker.weights},
                  {"models", worker.models.string()},
                  {"device", worker.device},
                  {"dtype", worker.dtype},
                  {"threads", worker.threads},
                  {"setup", setup}});
  const bool settled =
      wait(bench_.limit, [this] { return ready_ || ended_ || !setup_error_.empty(); });
  if (!settled) kill("killed: it was not ready within " + seconds_text(bench_.limit));
  if (ready_) {  // without set-up a refused entry is only logged
    if (schemas_.size() == names.size()) return {};
    return logged_error_.empty() ? "an entry is missing" : logged_error_;
  }
  return setup_error_.empty() ? "the worker ended: " + end_ : setup_error_;
}

void Probe::begin(int slot, const std::string& name, const nlohmann::json& input) {
  Run& run = runs_.at(static_cast<std::size_t>(slot));
  run = {};
  run.id = new_id();
  run.started = Clock::now();
  const auto folder = bench_.folder / run.id;
  std::filesystem::create_directory(folder);
  process_->send(slot, {{"type", "predict"},
                        {"id", run.id},
                        {"template", name},
                        {"input", input},
                        {"output_dir", folder.string()}});
}

void Probe::cancel(int slot) {
  Run& run = runs_.at(static_cast<std::size_t>(slot));
  run.canceled = Clock::now();
  process_->send({{"type", "cancel"}, {"slot", slot}, {"id", run.id}});
}

bool Probe::runs_over() const {
  return ended_ || std::all_of(runs_.begin(), runs_.end(), [](const Run& run) {
           return run.id.empty() || run.done;
         });
}

Outcome Probe::run(const std::string& name, const nlohmann::json& input,
                   std::optional<Milliseconds> cancel_after) {
  printed_bytes_ = 0;
  begin(0, name, input);
  Run& run = runs_.front();
  if (cancel_after && !wait(*cancel_after, [&] { return ended_ || run.done; })) {
    cancel(0);
    if (!wait(cancel_limit, [&] { return ended_ || run.done; })) {
      kill("it still ran " + seconds_text(cancel_limit) + " after its cancel: killed");
      run.outcome.how = Outcome::How::hung;
    }
  } else if (!cancel_after && !wait(bench_.limit, [&] { return ended_ || run.done; })) {
    kill("it still ran after " + seconds_text(bench_.limit) + ": killed");
    run.outcome.how = Outcome::How::hung;
  }
  if (ended_) {
    if (run.outcome.how != Outcome::How::hung) run.outcome.how = Outcome::How::died;
    run.outcome.error = end_;
    run.outcome.time_ms = ms_between(run.started, Clock::now());
  } else {
    process_->drain_output();
  }
  run.outcome.printed_bytes = printed_bytes_;
  Outcome outcome = std::move(run.outcome);
  std::error_code ignored;
  std::filesystem::remove_all(bench_.folder / run.id, ignored);
  run = {};
  return outcome;
}

std::vector<Outcome> Probe::run_at_once(const std::string& name,
                                        const std::vector<nlohmann::json>& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) begin(static_cast<int>(i), name, inputs[i]);
  const bool over = wait(bench_.limit, [this] { return runs_over(); });
  if (!over) kill("not all of them ended within " + seconds_text(bench_.limit) + ": killed");
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Outcome& outcome = runs_[i].outcome;
    if (!runs_[i].done) {
      outcome.how = over ? Outcome::How::died : Outcome::How::hung;
      outcome.error = end_;
    }
    outcomes.push_back(std::move(outcome));
    runs_[i] = {};
  }
  return outcomes;
}

std::string Probe::shut_down() {
  logged_error_.clear();
  if (!ended_) process_->send({{"type", "shutdown"}});
  if (!wait(end_limit, [this] { return ended_; }))
    kill("it did not exit within " + seconds_text(end_limit) + " after shutdown: killed");
  if (!logged_error_.empty()) return logged_error_;
  return end_ == "exited with code 0" ? std::string() : end_;
}

}  // namespace dream::host::check
