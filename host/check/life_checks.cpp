#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include "host/check/checker.hpp"
#include "host/cog/input_validation.hpp"

namespace dream::host::check {
namespace {

using nlohmann::json;

bool is_snake_case(const std::string& name) {
  const auto starts = [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); };
  return !name.empty() && starts(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return starts(c) || (c >= '0' && c <= '9'); });
}

std::string problem_of_input(const json& input) {
  const auto name = input.value("name", "");
  if (!is_snake_case(name))
    return fmt::format("input '{}': a name has the form [a-z_][a-z0-9_]*", name);
  if (input.value("description", "").empty())
    return fmt::format("input '{}' has no description", name);
  if (!input.contains("default")) return {};
  std::vector<ValidationError> errors;
  resolve_input({{"inputs", json::array({input})}}, {{name, input["default"]}}, errors);
  if (errors.empty()) return {};
  return fmt::format("input '{}': its default does not fit: {}", name, errors.front().msg);
}

std::string problem_of_schema(const json& schema) {
  if (schema.value("version", "").empty()) return "it states no version";
  if (schema.value("description", "").empty()) return "it has no description";
  std::set<std::string> names;
  for (const json& input : schema.at("inputs")) {
    if (const auto problem = problem_of_input(input); !problem.empty()) return problem;
    if (!names.insert(input.at("name")).second)
      return fmt::format("input '{}' is declared twice", input.value("name", ""));
  }
  return {};
}

// The path and the name in front of a refusal say nothing new here.
std::string without_file(std::string text, const std::filesystem::path& file) {
  const std::string prefix = "template " + file.string() + ": ";
  if (text.starts_with(prefix)) text.erase(0, prefix.size());
  return text;
}

bool is_sanitizer_build(const std::filesystem::path& program) {
  std::ifstream file(program, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  return bytes.find("__asan_init") != std::string::npos;
}

}  // namespace

Verdict Checker::describe() {
  const auto refused = [&](const std::string& why) {
    const auto text = without_file(why, bench_.file);
    if (text.find("input '") != std::string::npos) schema_refusal_ = text;
    return fail(one_line(text));
  };
  Probe first(bench_, 1);
  if (const auto why = first.set_up({entry_, again_}, false); !why.empty()) return refused(why);
  Probe second(bench_, 1);
  if (const auto why = second.set_up({entry_}, false); !why.empty()) return refused(why);
  schema_ = first.schemas().front();
  if (first.schemas()[1] != schema_)
    return fail("it describes itself in another way when it is asked again");
  if (second.schemas().front() != schema_)
    return fail("it describes itself in another way in another process");
  maker_ = std::make_unique<InputMaker>(schema_, files_);
  return pass(fmt::format("{} {}: {} inputs, {} {}", schema_.value("name", ""),
                          schema_.value("version", ""), schema_.at("inputs").size(),
                          schema_["output"].value("kind", ""),
                          schema_["output"].value("type", "")));
}

Verdict Checker::schema() {
  if (!schema_refusal_.empty()) return fail(one_line(schema_refusal_));
  if (!described()) return skip("it did not describe itself");
  const auto problem = problem_of_schema(schema_);
  return problem.empty() ? pass("names, descriptions, defaults within their limits")
                         : fail(one_line(problem));
}

Verdict Checker::set_up() {
  Probe probe(bench_, 1);
  const auto why = probe.set_up({entry_});
  if (!why.empty()) return fail(one_line(without_file(why, bench_.file)));
  created_ = true;
  return pass();
}

Verdict Checker::double_create() {
  Probe probe(bench_, 1);
  const auto why = probe.set_up({entry_, again_});
  if (!why.empty()) return fail("twice in one process: " + one_line(why));
  for (const auto& entry : {entry_, again_}) {
    if (!runs_in_vain().empty()) break;
    const auto outcome = observe(probe.run(entry, maker_->example()));
    if (outcome.how != Outcome::How::finished)
      return fail(fmt::format("{}: {}", entry, one_line(outcome.error)));
  }
  if (const auto end = probe.shut_down(); !end.empty())
    return fail("at the end of both: " + one_line(end));
  return pass("two instances in one process, each with a run of its own");
}

// What a run leaves behind in the process it shares with others.
Verdict Checker::traces() {
  if (const auto why = runs_in_vain(); !why.empty()) return skip(why);
  constexpr int warm_up = 2;  // thread pools and caches fill up
  constexpr double slow_ms = 900;
  const int runs = run_ms_ > slow_ms ? 3 : 6;
  const auto growth_limit = static_cast<std::size_t>((runs + 1) / 2);
  constexpr std::size_t log_limit_bytes = 16U << 20;  // what a prediction's logs hold
  const auto probe = ready_probe();
  ProcessState before = state_of(probe->pid());
  const auto folder = before.folder;
  std::size_t printed_bytes = 0;
  for (int i = 0; i < warm_up + runs; ++i) {
    const auto outcome = observe(probe->run(entry_, maker_->example()));
    if (outcome.how != Outcome::How::finished) return fail(one_line(outcome.error));
    printed_bytes = std::max(printed_bytes, outcome.printed_bytes);
    if (printed_bytes > log_limit_bytes) break;
    const auto now = state_of(probe->pid());
    for (const int fd : {0, 1})
      if (now.outputs[fd] != before.outputs[fd])
        return fail(fmt::format("a run closed or replaced fd {} ({}), which the process shares",
                                fd + 1, fd == 0 ? "stdout" : "stderr"));
    if (now.folder != folder)
      return fail(fmt::format("a run changed the working directory to {}", now.folder));
    if (i == warm_up - 1) before = now;
  }
  if (printed_bytes > log_limit_bytes)
    return fail(fmt::format("a run wrote {} MiB of logs; a prediction's logs hold 16 MiB",
                            printed_bytes >> 20));
  const auto after = state_of(probe->pid());
  if (after.threads >= before.threads + growth_limit)
    return fail(fmt::format("{} runs left {} more threads", runs, after.threads - before.threads));
  if (after.files >= before.files + growth_limit)
    return fail(fmt::format("{} runs left {} more open files", runs, after.files - before.files));
  if (after.children.size() >= before.children.size() + growth_limit)
    return fail(fmt::format("{} runs left {} more child processes ({})", runs,
                            after.children.size() - before.children.size(),
                            process_name(after.children.back())));
  return pass(fmt::format("{} runs: threads, files, children, folder as before", runs));
}

Verdict Checker::shutdown() {
  const auto children_before = state_of(::getpid()).children;
  std::string end;
  {
    const auto probe = ready_probe();
    if (runs_in_vain().empty()) observe(probe->run(entry_, maker_->example()));
    end = probe->shut_down();
  }
  const auto left = end_children(children_before);
  if (!end.empty()) return fail(one_line(end));
  if (!left.empty())
    return fail(fmt::format("it left child processes behind: {}", fmt::join(left, ", ")));
  return pass("exited with code 0, nothing left behind");
}

Verdict Checker::leaks() {
  if (!is_sanitizer_build(bench_.worker.program))
    return skip("not a sanitizer build: configure with DREAM_SANITIZE=address to look for leaks");
  ::setenv("DREAM_LEAK_CHECK", "1", 1);
  const auto probe = ready_probe();
  ::unsetenv("DREAM_LEAK_CHECK");
  for (int i = 0; i < 3 && runs_in_vain().empty(); ++i)
    observe(probe->run(entry_, maker_->example()));
  const auto end = probe->shut_down();
  if (end.empty()) return pass("no memory lost after set-up, 3 runs and the end");
  const auto summary = end.find("SUMMARY: ");
  return fail(one_line(summary == std::string::npos ? end : end.substr(summary + 9)));
}

}  // namespace dream::host::check
