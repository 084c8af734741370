#include "host/predictions/service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "host/base/ids.hpp"
#include "host/base/time.hpp"
#include "host/predictions/secrets.hpp"

namespace dream::host {

using std::chrono::milliseconds;

namespace {

// What the template declares for that entry: "inputs" and "output".
const nlohmann::json& declared(const std::vector<nlohmann::json>& schemas, const std::string& name,
                               const std::string& entry) {
  const auto schema = std::find_if(schemas.begin(), schemas.end(), [&](const nlohmann::json& s) {
    return s.value("name", "") == name;
  });
  if (schema == schemas.end())
    throw std::invalid_argument("no template '" + name + "' is being served");
  if (entry == "predict") return *schema;
  const auto part = schema->find(entry);
  if (part == schema->end()) throw std::invalid_argument("template '" + name + "' cannot " + entry);
  return *part;
}

double seconds_since(std::chrono::steady_clock::time_point time) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - time).count();
}

}  // namespace

// A prediction from the moment it is taken in to its end.
struct PredictionService::Job {
  std::shared_ptr<Prediction> prediction;
  nlohmann::json input = nullptr;  // while it waits
  Stage stage = Stage::preparing;
  std::optional<std::size_t> told_ahead = std::nullopt;  // by its logs, of those before it
  std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();  // in its stage
  // Its deadlines; they end with it.
  std::vector<std::unique_ptr<boost::asio::steady_timer>> limits = {};

  const std::string& template_name() const { return prediction->snapshot().template_name; }
};

PredictionService::PredictionService(boost::asio::io_context& io, WorkerPool& workers,
                                     std::filesystem::path folder, ServiceOptions options)
    : io_(io), workers_(workers), folder_(std::move(folder)), options_(options) {
  workers_.on_room([this] { dispatch(); });
}

PredictionService::~PredictionService() {
  workers_.on_room(nullptr);
}

PredictionService::Refusal PredictionService::room(const std::string& template_name) const {
  if (closed_) return Refusal::draining;
  const Health health = workers_.health();
  const bool up = health == Health::ready || health == Health::busy || health == Health::unhealthy;
  const bool coming_back = health == Health::starting && !workers_.schemas().empty();
  if (!up && !(coming_back && options_.queue > 0)) return Refusal::not_ready;
  std::map<std::string, std::size_t> wanted;
  std::size_t all = 1;
  ++wanted[template_name];
  for (const auto& job : jobs_) {
    if (job->prediction->is_publishing()) continue;  // its slot is free again
    ++wanted[job->template_name()];
    ++all;
  }
  std::size_t placed = 0;
  for (const auto& [name, count] : wanted) placed += std::min(count, workers_.capacity(name));
  placed = std::min(placed, workers_.capacity());
  return all > placed + options_.queue ? Refusal::busy : Refusal::none;
}

std::shared_ptr<Prediction> PredictionService::make_prediction(PredictionRequest& request) {
  const auto& schema = declared(workers_.schemas(), request.template_name, request.entry);
  Snapshot initial;
  initial.id = request.id.empty() ? new_id() : std::move(request.id);
  initial.output_is_list =
      schema.value("/output/kind"_json_pointer, std::string("single")) != "single";
  initial.template_name = std::move(request.template_name);
  initial.entry = std::move(request.entry);
  initial.input = mask_secrets(schema, std::move(request.input));
  initial.context = std::move(request.context);
  initial.previews = request.previews;
  initial.created_at = Clock::now();
  // The client's id is never part of a path.
  auto prediction = std::make_shared<Prediction>(std::move(initial), folder_ / new_id());
  prediction->conceal(secret_values(schema, request.resolved_input));
  return prediction;
}

PredictionService::Created PredictionService::accept(PredictionRequest& request) {
  if (const Refusal refusal = room(request.template_name); refusal != Refusal::none)
    return {nullptr, refusal};
  const auto prediction = make_prediction(request);
  jobs_.push_back(std::make_unique<Job>(Job{prediction}));
  Job& job = *jobs_.back();
  // First of the observers: once a client hears of the end, place and id are free again.
  prediction->observe([this, guard = std::weak_ptr(alive_)](const Snapshot& snapshot,
                                                            const PredictionEvent& event) {
    if (guard.expired() || event.kind != PredictionEvent::Kind::completed) return;
    jobs_.remove_if([&](const auto& other) { return &other->prediction->snapshot() == &snapshot; });
    tell_idle();
  });
  for (auto& observer : request.observers) prediction->observe(std::move(observer));
  if (request.taken_in) request.taken_in(prediction->snapshot());
  if (request.publish) publish_with(prediction, std::move(request.publish));
  if (request.cancel_after)
    limit(job, *request.cancel_after, [this, after = *request.cancel_after](Prediction& late) {
      late.log("Canceled: it did not end within " + seconds_text(after) + ", its Cancel-After.");
      stop(late, {Status::canceled});
    });
  return {prediction, Refusal::none};
}

void PredictionService::release(const std::shared_ptr<Prediction>& prediction,
                                nlohmann::json resolved_input) {
  Job* job = job_of(*prediction);
  if (job == nullptr) return;
  job->input = std::move(resolved_input);
  job->stage = Stage::waiting;
  job->since = std::chrono::steady_clock::now();
  dispatch();
}

PredictionService::Created PredictionService::create(PredictionRequest request) {
  const Created created = accept(request);
  if (created.prediction != nullptr)
    release(created.prediction, std::move(request.resolved_input));
  return created;
}

// The first in line for whose template a slot is free: one whose template runs as often as it may
// holds up none of another.
PredictionService::Job* PredictionService::first_that_may_run() const {
  std::set<std::string_view> held_up;
  for (const auto& job : jobs_) {
    if (job->stage != Stage::waiting || held_up.contains(job->template_name())) continue;
    if (workers_.can_run(job->template_name())) return job.get();
    held_up.insert(job->template_name());
  }
  return nullptr;
}

void PredictionService::dispatch() {
  const Health health = workers_.health();
  if (health == Health::setup_failed || health == Health::defunct) return fail_those_that_wait();
  // Observers may change the list: each round looks at all of it.
  while (Job* job = first_that_may_run()) start(*job);
  tell_places();
}

void PredictionService::start(Job& job) {
  const auto prediction = job.prediction;
  job.stage = Stage::running;
  if (job.told_ahead) prediction->took(&StageTimes::queue_s, seconds_since(job.since));
  const milliseconds run_limit = options_.run_limit;
  if (run_limit.count() > 0)
    limit(job, run_limit, [this, run_limit](Prediction& late) {
      stop(late, {Status::failed, "the run did not end within " + seconds_text(run_limit) +
                                      ", the server's limit"});
    });
  std::string error;
  try {
    if (!workers_.run(prediction, std::exchange(job.input, nullptr)))
      error = "no slot was free for it";
  } catch (const std::exception& refusal) {  // it cannot be told to a worker
    error = refusal.what();
  }
  if (!error.empty())  // no end comes before accept() and release() return
    boost::asio::post(io_, [prediction, error] { prediction->fail(error); });
}

void PredictionService::fail_those_that_wait() {
  std::vector<std::shared_ptr<Prediction>> waiting;
  for (const auto& job : jobs_)
    if (job->stage != Stage::running) waiting.push_back(job->prediction);
  for (const auto& prediction : waiting)
    prediction->fail("no worker is left to run it: starting one failed too often");
}

// Those who wait hear how many are before them: at first, and each time the number has halved.
void PredictionService::tell_places() {
  std::vector<std::pair<std::shared_ptr<Prediction>, std::size_t>> news;
  std::size_t ahead = 0;
  for (const auto& job : jobs_) {
    if (job->stage != Stage::waiting) continue;
    if (!job->told_ahead || (*job->told_ahead > 0 && ahead <= *job->told_ahead / 2)) {
      job->told_ahead = ahead;
      news.emplace_back(job->prediction, ahead);
    }
    ++ahead;
  }
  for (const auto& [prediction, before] : news)
    prediction->log(before == 0 ? "In the queue: it is the next one."
                                : fmt::format("In the queue: {} before it.", before));
}

void PredictionService::limit(Job& job, milliseconds after,
                              std::function<void(Prediction&)> action) {
  job.limits.push_back(std::make_unique<boost::asio::steady_timer>(io_, after));
  job.limits.back()->async_wait(
      [action = std::move(action), prediction = std::weak_ptr(job.prediction),
       guard = std::weak_ptr(alive_)](const auto& error) {
        const auto late = prediction.lock();
        const bool due = !error && !guard.expired() && late != nullptr;
        if (due && !is_terminal(late->snapshot().status)) action(*late);
      });
}

void PredictionService::stop(Prediction& prediction, const Outcome& outcome) {
  const Job* job = job_of(prediction);
  if (job == nullptr) return;
  const bool is_run = job->stage == Stage::running && !prediction.is_publishing();
  if (is_run) return workers_.cancel(prediction, outcome);
  const auto kept = job->prediction;  // its end removes the job
  kept->end(outcome);
}

PredictionService::Job* PredictionService::job_of(const Prediction& prediction) const {
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& job) {
    return job->prediction.get() == &prediction;
  });
  return found == jobs_.end() ? nullptr : found->get();
}

std::shared_ptr<Prediction> PredictionService::find(std::string_view id) const {
  const auto found = std::find_if(jobs_.rbegin(), jobs_.rend(), [&](const auto& job) {
    return job->prediction->snapshot().id == id;
  });
  return found == jobs_.rend() ? nullptr : (*found)->prediction;
}

bool PredictionService::cancel(std::string_view id) {
  const auto prediction = find(id);
  if (prediction == nullptr) return false;
  stop(*prediction, {Status::canceled});
  return true;
}

void PredictionService::publish_with(const std::shared_ptr<Prediction>& prediction,
                                     PublishFile publish) {
  const std::weak_ptr<Prediction> weak = prediction;
  prediction->publish_files(
      [weak, publish = std::move(publish)](const OutputItem& file, auto abandoned, auto done) {
        publish(file, std::move(abandoned), [weak, done](const auto& url, const auto& error) {
          const auto kept = weak.lock();  // until the callback is through
          if (kept != nullptr) done(url, error);
        });
      },
      [this, weak] {
        if (const auto running = weak.lock()) workers_.cancel(*running);
      });
}

void PredictionService::cancel_all(std::string_view why) {
  std::vector<std::shared_ptr<Prediction>> all;
  for (const auto& job : jobs_) all.push_back(job->prediction);
  for (const auto& prediction : all) {
    prediction->log(why, LogSource::standard_error);
    stop(*prediction, {Status::canceled});
  }
}

void PredictionService::close(std::function<void()> idle) {
  closed_ = true;
  idle_ = std::move(idle);
  tell_idle();
}

// Later, so that the other observers of the last one have been told of its end.
void PredictionService::tell_idle() {
  if (idle_ && jobs_.empty()) boost::asio::post(io_, std::exchange(idle_, nullptr));
}

PredictionService::Load PredictionService::load() const {
  Load load;
  for (const auto& job : jobs_) {
    ++(job->stage == Stage::preparing ? load.preparing
       : job->stage == Stage::waiting ? load.waiting
                                      : load.running);
    if (job->stage == Stage::waiting)
      load.longest_wait_s = std::max(load.longest_wait_s, seconds_since(job->since));
  }
  return load;
}

}  // namespace dream::host
