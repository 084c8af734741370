// The fake dream.schema/1, dream.run/1, dream.log/1 and dream.metric/1.
#pragma once

#include <dream/abi/run.h>
#include <dream/abi/schema.h>
#include <ftw.h>
#include <stdlib.h>

#include <deque>
#include <dream/testing/state.hpp>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace dream::testing {

// One prediction: inputs before it, everything it did after it.
struct TestRun : Recorded {
  TestRun() = default;
  TestRun(const TestRun&) = delete;
  TestRun& operator=(const TestRun&) = delete;
  ~TestRun() {
    const auto remove_one = [](const char* path, const struct stat*, int, FTW*) {
      return ::remove(path);
    };
    if (!temp_folder.empty()) nftw(temp_folder.c_str(), remove_one, 8, FTW_DEPTH | FTW_PHYS);
  }

  Inputs inputs;                  // absent ones get their default, or null
  int cancel_at_checkpoint = -1;  // this checkpoint (from 0) and later ones say "canceled"
  std::string temp_folder;        // made when first asked for
  std::map<std::string, std::string> context;
};

}  // namespace dream::testing

struct dream_schema {
  dream::testing::HostState* host;
  dream::testing::Declared declared;
};
struct dream_run {
  dream::testing::HostState* host;
  const dream::testing::Declared* declared;
  dream::testing::TestRun* record;
  std::deque<dream::testing::Value> owned{};  // stable addresses for the views below
  std::deque<dream_value> views{};
  std::deque<std::vector<const dream_value*>> lists{};
};

namespace dream::testing {

struct SchemaFunctions {
  static dream_status* add_input(dream_schema* schema, const dream_input* in) {
    return guarded(*schema->host, [&] { add(schema->declared, *in); });
  }
  static dream_status* add_diffusion_inputs(dream_schema* schema) {
    ++schema->declared.diffusion_inputs;
    schema->declared.diffusion_at = schema->declared.inputs.size();
    return nullptr;
  }
  static dream_status* add_control_inputs(dream_schema* schema,
                                          const dream_control_source* source) {
    return guarded(*schema->host, [&] {
      const auto copy = [](dream_str text) { return std::string(dream::detail::view(text)); };
      const DeclaredControl control{copy(source->network), copy(source->annotator),
                                    (source->flags & DREAM_CONTROL_MASKED) != 0};
      if (control.network.empty()) throw InvalidInput("control_inputs: network is empty");
      pass_on(add_diffusion_inputs(schema));
      schema->declared.control = control;
    });
  }
  static dream_status* add_training_inputs(dream_schema* schema, uint32_t kind) {
    return guarded(*schema->host, [&] {
      if (kind > DREAM_TRAIN_LORA) throw InvalidInput("training_inputs: unknown kind");
      schema->declared.training = kind;
      schema->declared.training_at = schema->declared.inputs.size();
      pass_on(set_output(schema, DREAM_FILE, DREAM_SINGLE));
    });
  }
  static dream_status* set_output(dream_schema* schema, uint32_t type, uint32_t kind) {
    schema->declared.output_type = type;
    schema->declared.output_kind = kind;
    return nullptr;
  }
  static dream_status* set_max_concurrency(dream_schema* schema, uint32_t runs) {
    schema->declared.max_concurrency = runs;
    return nullptr;
  }
  static constexpr dream_schema_1 table() {
    return {sizeof(dream_schema_1),
            0,
            add_input,
            add_diffusion_inputs,
            set_output,
            set_max_concurrency,
            add_control_inputs,
            add_training_inputs};
  }

 private:
  static void add(Declared& declared, const dream_input& in) {
    const auto copy = [](dream_str text) { return std::string(dream::detail::view(text)); };
    Input input;
    input.name = copy(in.name);
    input.description = copy(in.description);
    input.regex = copy(in.regex);
    input.type = in.type;
    input.flags = in.flags;
    input.any_of = in.any_of;
    if (in.default_value != nullptr) input.default_value = Value::copy(*in.default_value);
    input.ge = in.ge;
    input.le = in.le;
    input.min_length = in.min_length;
    input.max_length = in.max_length;
    for (size_t i = 0; i < in.choice_count; ++i) {
      input.choices.push_back(Value::copy(*in.choices[i]));
    }
    const std::string name = "input \"" + input.name + "\"";
    if (input.description.empty()) throw InvalidInput(name + " has no description");
    if (declared.find(input.name) != nullptr) throw InvalidInput(name + " is declared twice");
    declared.inputs.push_back(std::move(input));
    const Input& added = declared.inputs.back();
    if (added.default_value && added.default_value->type != DREAM_LIST) {
      detail::check_limits(added, *added.default_value);
    }
  }
};

struct RunFunctions {
  static dream_status* input(dream_run* run, dream_str name, const dream_value** value) {
    return guarded(*run->host, [&] {
      const std::string key(dream::detail::view(name));
      const Input* declared = run->declared->find(key);
      if (declared == nullptr) throw InvalidInput("input \"" + key + "\" was not declared");
      const std::lock_guard lock(run->host->mutex);
      const auto given = run->record->inputs.find(key);
      *value = nullptr;
      if (given != run->record->inputs.end()) {
        *value = keep(run, run->owned.emplace_back(given->second));
      } else if (declared->default_value) {
        *value = keep(run, *declared->default_value);
      }
    });
  }

  static dream_status* emit(dream_run* run, const dream_value* value) {
    return guarded(*run->host, [&] { add_output(run, Value::copy(*value)); });
  }

  static dream_status* emit_file(dream_run* run, dream_str path, dream_str name) {
    return guarded(*run->host, [&] {
      const std::string file(dream::detail::view(path)), shown(dream::detail::view(name));
      std::ifstream in(file, std::ios::binary);
      if (!in) throw InvalidInput("cannot read " + file);
      if (shown.empty() || shown.find('/') != std::string::npos) {
        throw InvalidInput("\"" + shown + "\" is no name for a file");
      }
      std::ostringstream content;
      content << in.rdbuf();
      add_output(run, Value(DREAM_FILE, shown));
      const std::lock_guard lock(run->host->mutex);
      run->record->files.push_back({shown, content.str()});
    });
  }

  static dream_status* checkpoint(dream_run* run) {
    const std::lock_guard lock(run->host->mutex);
    const int number = run->record->checkpoints++;
    const int limit = run->record->cancel_at_checkpoint;
    if (limit < 0 || number < limit) return nullptr;
    return make_status(*run->host, DREAM_CANCELED, "canceled");
  }

  static void progress(dream_run* run, uint64_t step, uint64_t steps, dream_str label) {
    const std::lock_guard lock(run->host->mutex);
    run->record->progress.push_back({step, steps, std::string(dream::detail::view(label))});
  }

  static dream_str temp_folder(dream_run* run) {
    const std::lock_guard lock(run->host->mutex);
    std::string& folder = run->record->temp_folder;
    if (folder.empty()) {
      const char* root = std::getenv("TMPDIR");
      folder = std::string(root != nullptr ? root : "/tmp") + "/dream-run-XXXXXX";
      if (mkdtemp(folder.data()) == nullptr) folder.clear();
    }
    return dream::detail::view(std::string_view(folder));
  }

  static dream_str id(dream_run*) { return {"fake-run", 8}; }

  static dream_str context(dream_run* run, dream_str name) {
    const auto found = run->record->context.find(std::string(dream::detail::view(name)));
    if (found == run->record->context.end()) return {};
    return dream::detail::view(std::string_view(found->second));
  }

  static constexpr dream_run_1 table() {
    return {sizeof(dream_run_1), 0,           input, emit,   emit_file, checkpoint,
            progress,            temp_folder, id,    context};
  }

 private:
  static void add_output(dream_run* run, Value value) {
    const Declared& declared = *run->declared;
    if (value.type != declared.output_type) {
      throw InvalidInput(std::string("an output of type ") + type_name(value.type) +
                         ", declared is " + type_name(declared.output_type));
    }
    const std::lock_guard lock(run->host->mutex);
    if (declared.output_kind == DREAM_SINGLE && !run->record->outputs.empty()) {
      throw InvalidInput("a second value of a single output");
    }
    run->record->outputs.push_back(std::move(value));
  }

  // The ABI's view of a value that `run` keeps alive.
  static const dream_value* keep(dream_run* run, const Value& value) {
    dream_value& out = run->views.emplace_back();
    out.struct_size = sizeof out;
    out.type = value.type;
    switch (value.type) {
      case DREAM_INTEGER:
        out.as.integer = value.integer;
        break;
      case DREAM_NUMBER:
        out.as.number = value.number;
        break;
      case DREAM_BOOLEAN:
        out.as.boolean = static_cast<int32_t>(value.integer);
        break;
      case DREAM_LIST: {
        std::vector<const dream_value*> items;
        for (const Value& item : value.items) items.push_back(keep(run, item));
        const auto& kept = run->lists.emplace_back(std::move(items));
        out.as.items = {kept.data(), kept.size()};
        break;
      }
      default:
        out.as.string = dream::detail::view(std::string_view(value.text));
    }
    return &out;
  }
};

struct LogFunctions {
  static void log(const dream_host* handle, dream_run* run, uint32_t level, dream_str message) {
    HostState& host = state_of(handle);
    const std::lock_guard lock(host.mutex);
    auto& lines = run == nullptr ? host.server_log : run->record->logs;
    lines.push_back({level, std::string(dream::detail::view(message))});
  }
  static constexpr dream_log_1 table() { return {sizeof(dream_log_1), 0, log}; }
};

struct MetricFunctions {
  static dream_status* record(dream_run* run, dream_str name, const dream_value* value,
                              uint32_t mode) {
    return guarded(*run->host, [&] {
      if (name.size == 0) throw InvalidInput("a metric needs a name");
      const std::lock_guard lock(run->host->mutex);
      run->record->metrics.push_back(
          {std::string(dream::detail::view(name)), Value::copy(*value), mode});
    });
  }
  static constexpr dream_metric_1 table() { return {sizeof(dream_metric_1), 0, record}; }
};

}  // namespace dream::testing
