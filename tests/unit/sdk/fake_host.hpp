// A host in memory: hands a template every interface of the ABI and records what it does with them.
// Can play an older host by hiding interfaces or cutting their structs short.
#pragma once

#include <dream/abi/engine_diffusion.h>
#include <dream/abi/run.h>
#include <dream/abi/schema.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dream::testing {

// A value that owns everything; made from the ABI's views and compared by content.
struct Value {
  uint32_t type = DREAM_NULL;
  std::string text;     // string, file (its path), secret, JSON
  int64_t integer = 0;  // also a boolean, 0 or 1
  double number = 0;
  std::vector<Value> items;

  bool operator==(const Value&) const = default;
  static Value copy(const dream_value& value);
};
Value string(std::string text);
Value integer(int64_t number);
Value number(double number);
Value boolean(bool truth);
Value file(std::string path);
Value secret(std::string text);
Value json(std::string text);
Value list(std::vector<Value> items);

// An input as the template declared it.
struct Input {
  std::string name, description, regex;
  uint32_t type = 0, flags = 0, any_of = 0;
  std::optional<Value> default_value;
  double ge = 0, le = 0;
  uint64_t min_length = 0, max_length = 0;
  std::vector<Value> choices;
};

struct Declared {
  std::vector<Input> inputs;
  int diffusion_inputs = 0;  // how often add_diffusion_inputs() was called
  uint32_t output_type = DREAM_STRING, output_kind = DREAM_SINGLE, max_concurrency = 1;

  const Input* find(const std::string& name) const;  // null if not declared
};

// What a call into the template came back with.
struct Outcome {
  int code = DREAM_OK;
  std::string message;
  explicit operator bool() const { return code == DREAM_OK; }
};

// One prediction: inputs before it, everything it did after it.
struct FakeRun {
  struct Metric {
    std::string name;
    Value value;
    uint32_t mode;
  };
  struct File {
    std::string name, content;
  };
  struct Line {
    uint32_t level;
    std::string message;
  };
  struct Progress {
    uint64_t step, steps;
    std::string label;
  };

  FakeRun() = default;
  FakeRun(const FakeRun&) = delete;
  FakeRun& operator=(const FakeRun&) = delete;
  ~FakeRun();  // removes the temporary folder

  std::map<std::string, Value> inputs;  // absent ones get their default, or null
  int cancel_at_checkpoint = -1;        // this checkpoint (from 0) and later ones say "canceled"

  std::vector<Value> emitted;
  std::vector<File> files;
  std::vector<Line> logs;
  std::vector<Metric> metrics;
  std::vector<Progress> progress;
  int checkpoints = 0;
  std::string temp_folder;  // created when first asked for
};

class FakeHost {
 public:
  explicit FakeHost(uint32_t sdk_minor = DREAM_SDK_MINOR);
  ~FakeHost();  // ends the template if one was created
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  // Plays a host that does not have this interface.
  void hide(const std::string& id) { hidden_.insert(id); }
  // Plays a host whose interface ends before `bytes`.
  void cut(const std::string& id, uint32_t bytes);

  // The template's functions, in the order a host calls them. create() ends the
  // previous one and describes first.
  Outcome describe(const dream_template& entry);
  Outcome create(const dream_template& entry);
  Outcome run(FakeRun& run);
  Outcome healthcheck();
  void destroy();

  const dream_host* abi() const;
  const Declared& declared() const { return declared_; }

  // The fake engine: what generate() was asked for, and what it answers.
  struct Generated {
    std::optional<std::string> prompt, negative_prompt;
  };
  std::vector<Generated> generated;
  std::string engine_error;    // not empty: open() fails with it
  std::string generate_error;  // not empty: generate() fails with it
  int engines_open = 0;

  std::vector<FakeRun::Line> server_log;
  int live_statuses = 0;               // made and not yet freed; 0 unless somebody leaks
  std::map<std::string, int> queries;  // how often each id was asked for

 private:
  friend struct Functions;
  struct Abi;
  Outcome outcome(dream_status* status);

  std::unique_ptr<Abi> abi_;
  std::set<std::string> hidden_;
  Declared declared_;
  const dream_template* entry_ = nullptr;
  void* self_ = nullptr;
};

}  // namespace dream::testing
