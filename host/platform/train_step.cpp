#include "host/platform/train_step.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "host/platform/cog_trainer.hpp"
#include "host/platform/local_host.hpp"
#include "host/platform/weights_intake.hpp"

namespace dream::host {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds look{200};       // between looks at what the trainer has told
constexpr seconds probe_every{3};       // its health
constexpr seconds silence_limit{60};    // without an answer: it is gone
constexpr seconds idle_limit{20};       // READY without news: does it still have our training?
constexpr seconds setup_limit{3600};    // until it takes the training

// One training by one trainer, over any number of lives of the platform.
class TrainerRun {
 public:
  TrainerRun(StepContext& context, const Trainer& trainer)
      : context_(context), trainer_(trainer) {}

  // The report of its end.
  Report run() {
    Json& checkpoint = context_.checkpoint();
    const bool goes_on = checkpoint.contains("run") && trainer_.template_name.empty() &&
                         !checkpoint.value("lost", false);
    if (!goes_on) {
      // Numbers that no other run of this training has had: reports of those may still come.
      checkpoint["run"] = std::max(number() + 1, now_micros());
      if (!checkpoint.contains("first_run")) checkpoint["first_run"] = number();
      checkpoint.erase("lost");
      checkpoint.erase("started_at");
      context_.save_checkpoint();
    }
    open();
    try {
      if (goes_on) {
        if (auto report = news_from_meanwhile()) return judged(*report);
      }
      start();
      return judged(wait());
    } catch (const StepCanceled&) {
      cog_->cancel(context_.training().id);
      throw;
    } catch (const StepInterrupted&) {
      throw;
    } catch (const StepFailed&) {
      throw;
    } catch (const std::exception&) {
      checkpoint["lost"] = true;  // the next try is another run
      context_.save_checkpoint();
      throw;
    }
  }

 private:
  std::int64_t number() const { return context_.checkpoint().value("run", std::int64_t{0}); }

  std::string capability() const {
    return context_.core().capabilities.make(
        "trainer", context_.training().id + "." + std::to_string(number()));
  }

  // Trainers fetch their data from us. One that failed in a training during which we were away may
  // have failed for that.
  Report judged(const Report& report) {
    if (report.status != "failed" || !context_.step().left_at) return report;
    const Json input = Json::parse(context_.training().input);
    for (const auto& [name, value] : input.items()) {
      if (value.is_string() && context_.core().own_file(value.get<std::string>()))
        throw std::runtime_error("the trainer failed, and the platform was away meanwhile: " +
                                 report.error.value_or("no reason was given"));
    }
    return report;
  }

  void open() {
    PlatformCore& core = context_.core();
    if (!trainer_.template_name.empty())
      local_.emplace(trainer_.template_name, std::vector<std::string>{"--x-mode", "train"},
                     core.local_url + "/outputs/" + capability(), core.options.addresses,
                     core.local_url);
    cog_.emplace(local_ ? local_->url() : trainer_.url, context_.ended());
  }

  std::optional<Report> ended() {
    PlatformCore& core = context_.core();
    const std::string& training = context_.training().id;
    auto report = core.reports.find(training, number());
    if (!report) return core.reports.find_success(training, context_.checkpoint()["first_run"]);
    if (report->status == "processing" && !processing_) {
      processing_ = true;
      context_.set_status(training_status::processing);
    }
    if (is_terminal(report->status)) return report;
    return core.reports.find_success(training, context_.checkpoint()["first_run"]);
  }

  // The trainer may have finished while nobody listened here, and be about to tell us again: with
  // pauses that double, it does so within the time that we were away. Asked for the training before
  // that, it would train once more.
  std::optional<Report> news_from_meanwhile() {
    const Micros left = context_.step().left_at.value_or(now_micros());
    const auto away = std::chrono::microseconds(std::max<Micros>(0, now_micros() - left)) +
                      context_.core().options.lease;
    const auto limit = Clock::now() + std::clamp<Clock::duration>(away, seconds(15), seconds(120));
    const std::string known = context_.checkpoint().value("started_at", std::string());
    auto probed = Clock::time_point();
    while (Clock::now() < limit) {
      if (auto report = ended()) return report;
      context_.progress("waiting for news of the trainer", 0, 0);
      if (Clock::now() - probed > probe_every) {
        const TrainerHealth health = cog_->health();
        if (health.reachable && health.started_at != known) return std::nullopt;
        probed = Clock::now();
      }
      context_.pause(look);
    }
    return std::nullopt;
  }

  void start() {
    PlatformCore& core = context_.core();
    const Json input =
        core.reachable(Json::parse(context_.training().input), context_.training().account,
                       local_ ? core.local_url : core.own_url);
    const std::string webhook =
        (local_ ? core.local_url : core.own_url) + "/callbacks/" + capability();
    const auto limit = Clock::now() + setup_limit;
    auto answered = Clock::now();
    while (Clock::now() < limit) {
      check_child();
      const auto started = cog_->start(context_.training().id, input, webhook);
      using Kind = CogTrainer::Started::Kind;
      if (started.kind != Kind::unreachable) answered = Clock::now();
      switch (started.kind) {
        case Kind::refused:
          throw StepFailed("the trainer refuses the input: " + started.problem);
        case Kind::finished:
          return tell(started.body);
        case Kind::running:
          return note_start();
        case Kind::unreachable:
          if (Clock::now() - answered > silence_limit)
            throw std::runtime_error("the trainer cannot be reached: " + started.problem);
          break;
        case Kind::busy:
          check_setup(cog_->health());
          context_.progress("waiting for the trainer", 0, 0);
          break;
      }
      context_.pause(milliseconds(started.kind == Kind::busy ? 1000 : 300));
    }
    throw std::runtime_error("the trainer did not take the training within an hour");
  }

  void note_start() {
    const std::string started_at = cog_->health().started_at;
    context_.checkpoint()["started_at"] = started_at;
    context_.save_checkpoint();
  }

  // A trainer that answers when it is done tells all at once.
  void tell(const Json& body) {
    Report report{.status = body.value("status", std::string("failed"))};
    const auto text = [&](const char* key) -> std::optional<std::string> {
      const auto found = body.find(key);
      if (found == body.end() || found->is_null()) return std::nullopt;
      return to_text(*found);
    };
    report.output = text("output");
    report.metrics = text("metrics");
    const auto error = body.find("error");
    if (error != body.end() && error->is_string()) report.error = error->get<std::string>();
    const auto logs = body.find("logs");
    context_.core().reports.add(
        context_.training().id, number(), report,
        logs != body.end() && logs->is_string() ? logs->get<std::string>() : "");
  }

  Report wait() {
    auto probed = Clock::now();
    auto answered = Clock::now();
    auto busy = Clock::now();
    while (true) {
      if (auto report = ended()) return *report;
      context_.pause(look);
      if (Clock::now() - probed < probe_every) continue;
      probed = Clock::now();
      check_child();
      const TrainerHealth health = cog_->health();
      if (health.reachable) answered = probed;
      if (probed - answered > silence_limit)
        throw std::runtime_error("the trainer no longer answers");
      if (!health.reachable) continue;
      check_setup(health);
      const std::string known = context_.checkpoint().value("started_at", std::string());
      if (health.started_at != known)
        throw std::runtime_error("the trainer was started again while it trained");
      if (health.status != "READY") busy = probed;
      if (probed - busy > idle_limit) {
        // A running training is joined; one that nobody knows of any more begins anew.
        start();
        busy = Clock::now();
      }
    }
  }

  void check_child() {
    if (!local_ || local_->end().empty()) return;
    throw std::runtime_error("the trainer has ended: " + local_->end());
  }

  void check_setup(const TrainerHealth& health) const {
    if (health.status == "SETUP_FAILED" || health.status == "DEFUNCT")
      throw std::runtime_error("the trainer is out of order: its health is " + health.status);
  }

  StepContext& context_;
  const Trainer& trainer_;
  std::optional<LocalHost> local_;
  std::optional<CogTrainer> cog_;
  bool processing_ = false;
};

// A URL, alone, in a list of one, or as {"weights": URL}; {"blob": SHA256} came as a data URL.
Blob take_output(StepContext& context, const std::string& text) {
  Json output = Json::parse(text, nullptr, false);
  if (output.is_array() && output.size() == 1) output = Json(output.front());
  if (output.is_object() && output.contains("weights")) output = Json(output["weights"]);
  if (output.is_object() && output.contains("blob"))
    return {output["blob"].get<std::string>(), 0};
  if (!output.is_string())
    throw StepFailed("the output of the trainer is not one file: " + text.substr(0, 200));
  return take_in(context, output.get<std::string>(), "the output of the trainer",
                 context.core().options.limits.weights_bytes);
}

}  // namespace

StepQueue::Outcome run_train_step(StepContext& context) {
  const Trainer* const trainer =
      context.core().options.catalogue.trainer_named(context.training().trainer);
  if (trainer == nullptr)
    throw StepFailed(fmt::format("the trainer '{}' is no longer one of this platform",
                                 context.training().trainer));
  if (!context.checkpoint().value("data_checked", false)) {
    check_datasets(context);
    context.checkpoint()["data_checked"] = true;
    context.save_checkpoint();
  }
  const Report report = TrainerRun(context, *trainer).run();
  if (report.status == "canceled") {
    context.check();
    throw StepFailed("the trainer canceled the training");
  }
  if (report.status != "succeeded") throw StepFailed(report.error.value_or("the trainer failed"));
  if (!report.output) throw StepFailed("the trainer succeeded without an output");
  const Blob weights = take_output(context, *report.output);
  check_weights(context, weights.sha256);
  return {.checkpoint = to_text(context.checkpoint()), .weights = weights.sha256};
}

StepQueue::Outcome run_fetch_step(StepContext& context) {
  const Blob weights = take_in(context, context.training().weights_url.value_or(""), "weights",
                               context.core().options.limits.weights_bytes);
  check_weights(context, weights.sha256);
  context.log("the weights are here: sha256 " + weights.sha256);
  return {.checkpoint = "{}", .weights = weights.sha256};
}

}  // namespace dream::host
