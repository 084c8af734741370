#include <fmt/format.h>

#include <algorithm>

#include "host/check/checker.hpp"

namespace dream::host::check {
namespace {

using nlohmann::json;

constexpr std::string_view escaped_text = "threw an exception across the ABI";

bool has_type(const json& value, const std::string& type) {
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  return true;  // any JSON
}

// The inputs that differ from the example: what made the difference.
std::string changed_inputs(const json& input, const json& example) {
  json changed = json::object();
  for (const auto& [name, value] : input.items())
    if (!example.contains(name) || example[name] != value) changed[name] = value;
  return one_line(changed.dump(-1, ' ', false, json::error_handler_t::replace), 200);
}

}  // namespace

Outcome Checker::observe(Outcome outcome) {
  ++tally_.runs;
  if (outcome.how == Outcome::How::finished && outcome.status == "failed") {
    ++tally_.failed;
    if (outcome.error.empty()) tally_.silent = "a run failed without a message";
    if (outcome.error.find(escaped_text) != std::string::npos) tally_.escaped = outcome.error;
  }
  return outcome;
}

std::string Checker::wrong_output(const Outcome& outcome) const {
  const json& declared = schema_.at("output");
  const auto type = declared.value("type", "");
  if (declared.value("kind", "") == "single" && outcome.outputs.size() != 1)
    return fmt::format("it declares a single output and gave {}", outcome.outputs.size());
  for (const json& output : outcome.outputs) {
    const bool is_file = output.contains("path");
    if (is_file != (type == "file") || (!is_file && !has_type(output.at("value"), type)))
      return fmt::format("it declares outputs of type {} and gave {}", type,
                         is_file ? "a file" : one_line(output.at("value").dump(), 60));
  }
  return {};
}

std::string Checker::fault_of(const Outcome& outcome) const {
  if (outcome.how != Outcome::How::finished) return outcome.error;
  if (outcome.status == "failed") return "it failed: " + outcome.error;
  if (outcome.status != "succeeded") return "it ended as " + outcome.status;
  return wrong_output(outcome);
}

// Why there is no sense in running the example again.
std::string Checker::runs_in_vain() const {
  if (!maker_->unknown().empty())
    return "no value was found for input '" + maker_->unknown().front() + "'";
  return example_works_ ? std::string() : "a run with example inputs does not succeed";
}

std::unique_ptr<Probe> Checker::ready_probe(int slots) {
  auto probe = std::make_unique<Probe>(bench_, slots);
  if (const auto why = probe->set_up({entry_}); !why.empty())
    throw std::runtime_error("set-up failed this time: " + why);
  return probe;
}

Verdict Checker::run() {
  if (!maker_->unknown().empty()) return skip(runs_in_vain());
  const auto probe = ready_probe();
  const auto outcome = observe(probe->run(entry_, maker_->example()));
  run_ms_ = outcome.time_ms;
  const bool only_defaults =
      std::all_of(schema_.at("inputs").begin(), schema_.at("inputs").end(), [](const json& input) {
        return input.contains("default") || input.value("nullable", false);
      });
  if (outcome.bad_input && !only_defaults)  // a value that we made up
    return skip("it refuses the example inputs: " + one_line(outcome.error));
  if (const auto fault = fault_of(outcome); !fault.empty()) return fail(one_line(fault));
  example_works_ = true;
  const std::size_t count = outcome.outputs.size();
  return pass(fmt::format("{} output{} with {}", count, count == 1 ? "" : "s",
                          maker_->is_diffusion() ? "2 steps" : "the defaults"));
}

// Runs that take long are canceled, which must work too. A worker that died or was killed is
// replaced once, so that one fault does not hide how the others end.
Verdict Checker::bad_input() {
  if (!maker_->unknown().empty()) return skip(runs_in_vain());
  const Milliseconds patience{std::clamp(static_cast<long>(4 * run_ms_), 300L, 3000L)};
  std::mt19937_64 random(options_.seed);
  const auto probe = ready_probe();
  std::size_t failed = 0;
  std::size_t canceled = 0;
  const int runs = options_.runs > 0 ? options_.runs : maker_->is_diffusion() ? 12 : 40;
  for (int i = 0; i < runs; ++i) {
    const auto input = maker_->unusual(random, static_cast<std::size_t>(i));
    const auto outcome = observe(probe->run(entry_, input, patience));
    const auto where = [&] {
      return fmt::format("run {} of seed {}, {}", i + 1, options_.seed,
                         changed_inputs(input, maker_->example()));
    };
    if (outcome.how != Outcome::How::finished)
      return fail(fmt::format("{} ({})", one_line(outcome.error), where()));
    if (outcome.status == "canceled" && !outcome.cancel_ms)
      return fail(fmt::format("it ended as canceled, but nobody canceled it ({})", where()));
    if (outcome.succeeded())
      if (const auto wrong = wrong_output(outcome); !wrong.empty())
        return fail(fmt::format("{} ({})", wrong, where()));
    failed += outcome.status == "failed";
    canceled += outcome.status == "canceled";
  }
  return pass(fmt::format("{} runs, seed {}: {} refused or failed, {} canceled after {} ms", runs,
                          options_.seed, failed, canceled, patience.count()));
}

Verdict Checker::exceptions() const {
  if (!tally_.escaped.empty()) return fail(one_line(tally_.escaped));
  if (!tally_.silent.empty()) return fail(tally_.silent);
  if (tally_.runs == 0) return skip("there was no run");
  return pass(fmt::format("{} of {} runs failed, each with a message", tally_.failed, tally_.runs));
}

Verdict Checker::cancel() {
  if (!maker_->unknown().empty()) return skip(runs_in_vain());
  constexpr Milliseconds cancel_after{150};
  constexpr double allowed_ms = 2000;
  const auto probe = ready_probe();
  const auto outcome = observe(probe->run(entry_, maker_->longest(), cancel_after));
  if (outcome.how == Outcome::How::hung) return fail(one_line(outcome.error));
  if (outcome.how == Outcome::How::died) return fail(one_line(outcome.error));
  if (!outcome.cancel_ms)
    return skip(fmt::format("the run ended after {:.0f} ms, before the cancel", outcome.time_ms));
  if (*outcome.cancel_ms > allowed_ms)
    return fail(
        fmt::format("it ended {:.0f} ms after the cancel; {:.0f} ms are allowed: call "
                    "run.checkpoint() more often",
                    *outcome.cancel_ms, allowed_ms));
  if (outcome.status != "canceled")
    return fail("it was canceled, but ended as " + outcome.status + ": " + one_line(outcome.error));
  return pass(fmt::format("ended {:.0f} ms after the cancel", *outcome.cancel_ms));
}

Verdict Checker::concurrency() {
  constexpr int most = 8;
  const int declared = schema_.value("max_concurrency", 1);
  if (declared < 2) return skip("it declares one run at a time");
  if (const auto why = runs_in_vain(); !why.empty()) return skip(why);
  const int slots = std::min(declared, most);
  const auto probe = ready_probe(slots);
  const std::vector<json> inputs(static_cast<std::size_t>(slots), maker_->example());
  constexpr int rounds = 3;
  for (int round = 0; round < rounds; ++round)
    for (const auto& outcome : probe->run_at_once(entry_, inputs))
      if (const auto fault = fault_of(observe(outcome)); !fault.empty())
        return fail(fmt::format("{} at once: {}", slots, one_line(fault)));
  return pass(fmt::format("{} × {} runs at once, {} declared", rounds, slots, declared));
}

}  // namespace dream::host::check
