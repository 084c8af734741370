#include "host/cog/intake.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>
#include <vector>

#include "host/cog/input_files.hpp"

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

struct Intake::Fetched {
  FetchedInputs files;
  std::string error;
};

Intake::Intake(boost::asio::io_context& io, PredictionService& service, CacheOptions downloads)
    : io_(io), service_(service), cache_(std::move(downloads)), threads_(fetch_threads) {}

Intake::~Intake() {
  *alive_ = false;
  for (const auto& canceled : in_fetch_) *canceled = true;
  threads_.join();
}

Intake::Refusal Intake::submit(PredictionRequest request, const nlohmann::json& schema) {
  const auto withdraw = std::move(request.withdraw);
  Refusal refusal = Refusal::none;
  try {
    refusal = take(std::move(request), schema);
  } catch (...) {
    if (withdraw) withdraw();
    throw;
  }
  if (refusal == Refusal::none) return refusal;
  if (withdraw) withdraw();
  note_refusal(refusal);
  return refusal;
}

Intake::Refusal Intake::take(PredictionRequest request, const nlohmann::json& schema) {
  if (const Refusal refusal = service_.room(request.template_name); refusal != Refusal::none)
    return refusal;
  if (watchers_.accepted) watchers_.accepted(request);
  if (!has_input_files(schema, request.resolved_input))
    return service_.create(std::move(request)).refusal;
  auto canceled = std::make_shared<std::atomic<bool>>(false);
  request.observers.push_back([canceled](const Snapshot&, const PredictionEvent& event) {
    if (event.kind == PredictionEvent::Kind::completed) *canceled = true;
  });
  auto accepted = service_.accept(request);
  if (accepted.prediction != nullptr)
    fetch(std::move(accepted.prediction), std::move(canceled), std::move(request.resolved_input),
          schema);
  return accepted.refusal;
}

void Intake::fetch(std::shared_ptr<Prediction> prediction, CancelFlag canceled,
                   nlohmann::json input, const nlohmann::json& schema) {
  in_fetch_.insert(canceled);
  auto keep_running = boost::asio::make_work_guard(io_);
  const auto folder = prediction->folder();
  // The prediction comes along, so that its folder stays until the last byte is written.
  boost::asio::post(threads_, [this, alive = alive_, prediction = std::move(prediction), folder,
                               canceled = std::move(canceled),
                               begin = std::chrono::steady_clock::now(),
                               input = std::move(input), schema,
                               keep_running = std::move(keep_running)]() mutable {
    Fetched fetched;
    try {
      DownloadLimits limits;
      limits.addresses = cache_.options().addresses;
      fetched.files =
          fetch_input_files(schema, std::move(input), folder, *canceled, cache_, limits);
    } catch (const std::exception& error) {
      fetched.error = error.what();
    }
    boost::asio::post(io_, [this, alive, prediction = std::move(prediction), canceled,
                            begin, fetched = std::move(fetched)]() mutable {
      if (!*alive) return;
      const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
      prediction->took(&StageTimes::download_s, time.count());
      in_fetch_.erase(canceled);
      on_fetched(prediction, std::move(fetched));
    });
  });
}

// The files are there, or not: lets the prediction run, or ends it.
void Intake::on_fetched(const std::shared_ptr<Prediction>& prediction, Fetched fetched) {
  if (is_terminal(prediction->snapshot().status)) return;
  if (!fetched.error.empty()) {
    prediction->start();
    return prediction->fail("Input validation error: " + fetched.error);
  }
  prediction->observe(keep_until_done(std::move(fetched.files.in_use)));
  service_.release(prediction, std::move(fetched.files.resolved));
  for (const std::string& line : fetched.files.logs) prediction->log(line);
}

const Snapshot* Intake::find(const std::string& id) const {
  const auto found = prediction(id);
  return found == nullptr ? nullptr : &found->snapshot();
}

}  // namespace dream::host
