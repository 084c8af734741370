#include "host/check/check.hpp"

#include <chrono>
#include <system_error>

#include "host/base/ids.hpp"
#include "host/check/checker.hpp"

namespace dream::host::check {
namespace {

namespace fs = std::filesystem;

struct TemporaryFolder {
  const fs::path path = fs::temp_directory_path() / ("dream-check-" + new_id());
  TemporaryFolder() { fs::create_directory(path); }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

// The order of a template's life. A check whose ground is missing is skipped.
struct Step {
  const char* name;
  Verdict (*check)(Checker&);
  bool (*possible)(const Checker&);
  const char* otherwise;
};

constexpr char no_file[] = "it cannot be loaded";
constexpr char no_schema[] = "it did not describe itself";
constexpr char no_setup[] = "its set-up did not succeed";

bool always(const Checker&) {
  return true;
}
bool loadable(const Checker& checker) {
  return checker.loadable();
}
bool described(const Checker& checker) {
  return checker.described();
}
bool created(const Checker& checker) {
  return checker.described() && checker.created();
}

constexpr Step steps[] = {
    {"note", [](Checker& c) { return c.note(); }, always, ""},
    {"exports", [](Checker& c) { return c.exports(); }, always, ""},
    {"describe", [](Checker& c) { return c.describe(); }, loadable, no_file},
    {"schema", [](Checker& c) { return c.schema(); }, loadable, no_file},
    {"set-up", [](Checker& c) { return c.set_up(); }, described, no_schema},
    {"run", [](Checker& c) { return c.run(); }, created, no_setup},
    {"two-in-one", [](Checker& c) { return c.double_create(); }, created, no_setup},
    {"bad-input", [](Checker& c) { return c.bad_input(); }, created, no_setup},
    {"cancel", [](Checker& c) { return c.cancel(); }, created, no_setup},
    {"concurrency", [](Checker& c) { return c.concurrency(); }, created, no_setup},
    {"exceptions", [](Checker& c) { return c.exceptions(); }, created, no_setup},
    {"traces", [](Checker& c) { return c.traces(); }, created, no_setup},
    {"shutdown", [](Checker& c) { return c.shutdown(); }, created, no_setup},
    {"leaks", [](Checker& c) { return c.leaks(); }, created, no_setup},
};

Verdict verdict_of(const Step& step, Checker& checker) {
  if (!step.possible(checker)) return skip(step.otherwise);
  try {
    return step.check(checker);
  } catch (const std::system_error&) {
    throw;  // ours, not the template's
  } catch (const std::runtime_error& error) {
    return fail(one_line(error.what()));
  }
}

}  // namespace

Checker::Checker(Bench bench, const CheckOptions& options, SampleFiles files)
    : bench_(std::move(bench)),
      options_(options),
      files_(std::move(files)),
      entry_(options.file.stem().string()),
      again_(entry_ + "-again") {}

Report check_template(boost::asio::io_context& io,
                      std::function<void(const std::function<bool()>& done)> wait,
                      const CheckOptions& options, const std::function<void(const Row&)>& on_row) {
  const TemporaryFolder folder;
  adopt_orphans();
  Checker checker({io, std::move(wait), options.worker, options.file, folder.path, options.limit},
                  options, write_sample_files(folder.path));
  Report report{options.file, options.seed, {}};
  bool refused = false;  // a file that dream refuses is not loaded behind its back
  for (const Step& step : steps) {
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    const bool file_check = step.possible == always;
    Row row{step.name, refused && !file_check ? skip(no_file) : verdict_of(step, checker), 0};
    row.time_ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    refused =
        refused || (std::string_view(step.name) == "note" && row.verdict.result == Result::fail);
    if (on_row) on_row(row);
    report.rows.push_back(std::move(row));
  }
  return report;
}

}  // namespace dream::host::check
