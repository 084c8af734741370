#include "host/cog/intake.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "host/base/ids.hpp"
#include "host/cog/input_files.hpp"
#include "host/predictions/secrets.hpp"

namespace dream::host {

const char not_ready_text[] =
    "Setup has not finished yet. Wait until it has finished, or GET /health-check for status.";

namespace {

constexpr std::size_t fetch_threads = 8;

// Lets the cache have its files back once the prediction has ended.
Prediction::Observer keep_until_done(std::vector<CachedFile> files) {
  auto kept = std::make_shared<std::vector<CachedFile>>(std::move(files));
  return [kept](const Snapshot&, const PredictionEvent& event) {
    if (event.kind == PredictionEvent::Kind::completed) kept->clear();
  };
}

}  // namespace

// A request whose files are being fetched. `shown` is what the outside sees of it meanwhile, and
// ends it if it never gets to run.
struct Intake::Pending {
  PredictionRequest request;
  std::unique_ptr<Prediction> shown;
  std::atomic<bool> canceled = false;
};

struct Intake::Fetched {
  FetchedInputs files;
  std::string error;
};

Intake::Intake(boost::asio::io_context& io, PredictionService& service, WorkerPool& workers,
               std::size_t slots, CacheOptions downloads)
    : io_(io),
      service_(service),
      workers_(workers),
      slots_(slots),
      cache_(std::move(downloads)),
      threads_(fetch_threads) {}

Intake::~Intake() {
  *alive_ = false;
  for (const auto& pending : pending_) pending->canceled = true;
  threads_.join();
}

Intake::Refusal Intake::room() const {
  const Health health = workers_.health();
  if (health == Health::busy) return Refusal::busy;
  if (health != Health::ready && health != Health::unhealthy) return Refusal::not_ready;
  return running_.size() + pending_.size() >= slots_ ? Refusal::busy : Refusal::none;
}

Intake::Refusal Intake::submit(PredictionRequest request, const nlohmann::json& schema) {
  if (const Refusal refusal = room(); refusal != Refusal::none) return refusal;
  if (request.id.empty()) request.id = new_id();
  if (!has_input_files(schema, request.resolved_input)) {
    request.observers.insert(request.observers.begin(), count(request.id));
    return service_.create(std::move(request)).refusal;
  }
  request.folder = service_.new_folder();
  Snapshot initial;
  initial.id = request.id;
  initial.template_name = request.template_name;
  initial.entry = request.entry;
  initial.input = mask_secrets(schema, request.input);
  initial.created_at = Clock::now();
  initial.output_is_list = schema.at("output").at("kind") != "single";
  auto pending = std::make_shared<Pending>();
  pending->shown = std::make_unique<Prediction>(std::move(initial), std::filesystem::path());
  pending->request = std::move(request);
  pending_.push_back(pending);
  fetch(std::move(pending), schema);
  return Refusal::none;
}

void Intake::fetch(std::shared_ptr<Pending> pending, const nlohmann::json& schema) {
  auto keep_running = boost::asio::make_work_guard(io_);
  boost::asio::post(threads_, [this, alive = alive_, pending = std::move(pending), schema,
                               keep_running = std::move(keep_running)] {
    Fetched fetched;
    try {
      DownloadLimits limits;
      limits.addresses = cache_.options().addresses;
      fetched.files = fetch_input_files(schema, pending->request.resolved_input,
                                        pending->request.folder, pending->canceled, cache_, limits);
    } catch (const std::exception& error) {
      fetched.error = error.what();
    }
    boost::asio::post(io_, [this, alive, pending, fetched = std::move(fetched)]() mutable {
      if (*alive) start(pending, std::move(fetched));
    });
  });
}

// The files are there, or not: lets the prediction run, or ends it.
void Intake::start(const std::shared_ptr<Pending>& pending, Fetched fetched) {
  remove(pending);
  PredictionRequest& request = pending->request;
  std::string error;
  if (!fetched.error.empty()) {
    error = "Input validation error: " + fetched.error;
  } else if (!pending->canceled) {
    request.resolved_input = std::move(fetched.files.resolved);
    PredictionRequest order = request;
    order.observers.insert(order.observers.begin(), count(order.id));
    order.observers.push_back(keep_until_done(std::move(fetched.files.in_use)));
    const auto created = service_.create(std::move(order));
    for (const std::string& line : fetched.files.logs)
      if (created.prediction != nullptr) created.prediction->log(line);
    if (created.refusal == Refusal::none) return;
    error = "the worker ended while the input files were fetched; try again";
  }
  std::error_code ignored;
  std::filesystem::remove_all(request.folder, ignored);
  for (auto& observer : request.observers) pending->shown->observe(std::move(observer));
  pending->shown->start();
  pending->canceled ? pending->shown->cancel() : pending->shown->fail(error);
}

void Intake::remove(const std::shared_ptr<Pending>& pending) {
  pending_.erase(std::remove(pending_.begin(), pending_.end(), pending), pending_.end());
}

Prediction::Observer Intake::count(const std::string& id) {
  return [this, alive = alive_, id](const Snapshot&, const PredictionEvent& event) {
    if (!*alive) return;
    if (event.kind == PredictionEvent::Kind::start) running_.insert(id);
    if (event.kind != PredictionEvent::Kind::completed) return;
    if (const auto entry = running_.find(id); entry != running_.end()) running_.erase(entry);
  };
}

const Snapshot* Intake::find(const std::string& id) const {
  for (const auto& pending : pending_) {
    if (pending->request.id == id) return &pending->shown->snapshot();
  }
  const auto prediction = service_.find(id);
  return prediction == nullptr ? nullptr : &prediction->snapshot();
}

bool Intake::cancel(const std::string& id) {
  for (const auto& pending : pending_) {
    if (pending->request.id != id) continue;
    pending->canceled = true;
    return true;
  }
  return service_.cancel(id);
}

void Intake::cancel_all() {
  for (const auto& pending : pending_) pending->canceled = true;
  const std::vector<std::string> ids(running_.begin(), running_.end());
  for (const auto& id : ids) service_.cancel(id);
}

}  // namespace dream::host
