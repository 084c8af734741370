#include "fake_host.hpp"

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>

using dream::testing::FakeHost;
using dream::testing::FakeRun;

struct dream_status {
  FakeHost* host;
  int32_t code;
  std::string message;
};
struct dream_schema {
  FakeHost* host;
  dream::testing::Declared declared;
};
struct dream_setup {
  FakeHost* host;
};
struct dream_diffusion {
  FakeHost* host;
};
struct dream_run {
  FakeHost* host;
  FakeRun* record;
  std::deque<dream::testing::Value> owned;  // stable addresses for the views below
  std::deque<dream_value> views;
  std::deque<std::vector<const dream_value*>> lists;
};

namespace dream::testing {
namespace {

std::string copy(dream_str text) {
  return text.size == 0 ? std::string() : std::string(text.data, text.size);
}

dream_str view(const std::string& text) {
  return {text.data(), text.size()};
}

// The ABI's view of a value that `run` keeps alive.
const dream_value* keep(dream_run* run, const Value& value) {
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
      out.as.string = view(value.text);
  }
  return &out;
}

}  // namespace

struct FakeHost::Abi : dream_host {
  FakeHost* self = nullptr;
  dream_schema_1 schema{};
  dream_run_1 run{};
  dream_log_1 log{};
  dream_metric_1 metric{};
  dream_engine_diffusion_1 engine{};
};

// The functions behind the interfaces.
struct Functions {
  static FakeHost& host(const dream_host* host) {
    return *static_cast<const FakeHost::Abi*>(host)->self;
  }

  static dream_status* fail(FakeHost* host, int32_t code, std::string message) {
    ++host->live_statuses;
    return new dream_status{host, code, std::move(message)};
  }

  static const void* query(const dream_host* handle, const char* id) {
    FakeHost& self = host(handle);
    ++self.queries[id];
    if (self.hidden_.count(id) != 0) return nullptr;
    return find(self, id);
  }

  static void* find(FakeHost& self, const std::string& id) {
    if (id == DREAM_SCHEMA_1) return &self.abi_->schema;
    if (id == DREAM_RUN_1) return &self.abi_->run;
    if (id == DREAM_LOG_1) return &self.abi_->log;
    if (id == DREAM_METRIC_1) return &self.abi_->metric;
    if (id == DREAM_ENGINE_DIFFUSION_1) return &self.abi_->engine;
    return nullptr;
  }

  static dream_status* status_create(const dream_host* handle, int32_t code, dream_str message) {
    return fail(&host(handle), code, copy(message));
  }
  static int32_t status_code(const dream_status* status) { return status->code; }
  static dream_str status_message(const dream_status* status) { return view(status->message); }
  static void status_destroy(dream_status* status) {
    if (status == nullptr) return;
    --status->host->live_statuses;
    delete status;
  }

  static dream_status* add_input(dream_schema* schema, const dream_input* in) {
    Input input;
    input.name = copy(in->name);
    input.description = copy(in->description);
    input.regex = copy(in->regex);
    input.type = in->type;
    input.flags = in->flags;
    input.any_of = in->any_of;
    if (in->default_value != nullptr) input.default_value = Value::copy(*in->default_value);
    input.ge = in->ge;
    input.le = in->le;
    input.min_length = in->min_length;
    input.max_length = in->max_length;
    for (size_t i = 0; i < in->choice_count; ++i) {
      input.choices.push_back(Value::copy(*in->choices[i]));
    }
    const std::string name = "input \"" + input.name + "\"";
    if (input.description.empty()) {
      return fail(schema->host, DREAM_INVALID_INPUT, name + " has no description");
    }
    if (schema->declared.find(input.name) != nullptr) {
      return fail(schema->host, DREAM_INVALID_INPUT, name + " is declared twice");
    }
    schema->declared.inputs.push_back(std::move(input));
    return nullptr;
  }

  static dream_status* add_diffusion_inputs(dream_schema* schema) {
    ++schema->declared.diffusion_inputs;
    return nullptr;
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

  static dream_status* input(dream_run* run, dream_str name, const dream_value** value) {
    const std::string key = copy(name);
    const Input* declared = run->host->declared_.find(key);
    if (declared == nullptr) {
      return fail(run->host, DREAM_INVALID_INPUT, "input \"" + key + "\" was not declared");
    }
    const auto given = run->record->inputs.find(key);
    *value = nullptr;
    if (given != run->record->inputs.end()) {
      *value = keep(run, run->owned.emplace_back(given->second));
    } else if (declared->default_value) {
      *value = keep(run, *declared->default_value);
    }
    return nullptr;
  }

  static dream_status* emit(dream_run* run, const dream_value* value) {
    const Declared& declared = run->host->declared_;
    if (value->type != declared.output_type) {
      return fail(run->host, DREAM_INVALID_INPUT,
                  "output of type " + std::to_string(value->type) + ", declared is " +
                      std::to_string(declared.output_type));
    }
    if (declared.output_kind == DREAM_SINGLE && !run->record->emitted.empty()) {
      return fail(run->host, DREAM_INVALID_INPUT, "a second value of a single output");
    }
    run->record->emitted.push_back(Value::copy(*value));
    return nullptr;
  }

  static dream_status* emit_file(dream_run* run, dream_str path, dream_str name) {
    std::ifstream in(copy(path), std::ios::binary);
    if (!in) return fail(run->host, DREAM_INVALID_INPUT, "cannot read " + copy(path));
    std::ostringstream content;
    content << in.rdbuf();
    run->record->files.push_back({copy(name), content.str()});
    return nullptr;
  }

  static dream_status* checkpoint(dream_run* run) {
    const int number = run->record->checkpoints++;
    const int limit = run->record->cancel_at_checkpoint;
    if (limit < 0 || number < limit) return nullptr;
    return fail(run->host, DREAM_CANCELED, "canceled");
  }

  static void progress(dream_run* run, uint64_t step, uint64_t steps, dream_str label) {
    run->record->progress.push_back({step, steps, copy(label)});
  }

  static dream_str temp_folder(dream_run* run) {
    std::string& folder = run->record->temp_folder;
    if (folder.empty()) {
      folder = (std::filesystem::temp_directory_path() / "dream-run-XXXXXX").string();
      if (mkdtemp(folder.data()) == nullptr) folder.clear();
    }
    return view(folder);
  }

  static dream_str id(dream_run*) { return {"fake-run", 8}; }

  static void log(const dream_host* handle, dream_run* run, uint32_t level, dream_str message) {
    auto& lines = run == nullptr ? host(handle).server_log : run->record->logs;
    lines.push_back({level, copy(message)});
  }

  static dream_status* record(dream_run* run, dream_str name, const dream_value* value,
                              uint32_t mode) {
    if (name.size == 0) return fail(run->host, DREAM_INVALID_INPUT, "a metric needs a name");
    run->record->metrics.push_back({copy(name), Value::copy(*value), mode});
    return nullptr;
  }

  static dream_status* open(dream_setup* setup, dream_diffusion** engine) {
    FakeHost* host = setup->host;
    if (!host->engine_error.empty()) return fail(host, DREAM_INTERNAL, host->engine_error);
    ++host->engines_open;
    *engine = new dream_diffusion{host};
    return nullptr;
  }

  static void close(dream_diffusion* engine) {
    --engine->host->engines_open;
    delete engine;
  }

  static dream_status* generate(dream_diffusion* engine, dream_run*,
                                const dream_overrides* overrides) {
    FakeHost* host = engine->host;
    if (!host->generate_error.empty()) {
      return fail(host, DREAM_INVALID_INPUT, host->generate_error);
    }
    FakeHost::Generated request;
    if (overrides != nullptr && overrides->prompt != nullptr) {
      request.prompt = copy(*overrides->prompt);
    }
    if (overrides != nullptr && overrides->negative_prompt != nullptr) {
      request.negative_prompt = copy(*overrides->negative_prompt);
    }
    host->generated.push_back(request);
    return nullptr;
  }
};

FakeRun::~FakeRun() {
  std::error_code ignored;
  if (!temp_folder.empty()) std::filesystem::remove_all(temp_folder, ignored);
}

FakeHost::FakeHost(uint32_t sdk_minor) : abi_(std::make_unique<Abi>()) {
  using F = Functions;
  static_cast<dream_host&>(*abi_) = {sizeof(dream_host), DREAM_SDK_MAJOR,  sdk_minor,
                                     F::query,           F::status_create, F::status_code,
                                     F::status_message,  F::status_destroy};
  abi_->self = this;
  abi_->schema = {sizeof(dream_schema_1), 0, F::add_input, F::add_diffusion_inputs, F::set_output,
                  F::set_max_concurrency};
  abi_->run = {sizeof(dream_run_1), 0,           F::input,       F::emit, F::emit_file,
               F::checkpoint,       F::progress, F::temp_folder, F::id};
  abi_->log = {sizeof(dream_log_1), 0, F::log};
  abi_->metric = {sizeof(dream_metric_1), 0, F::record};
  abi_->engine = {sizeof(dream_engine_diffusion_1), 0, F::open, F::close, F::generate};
}

FakeHost::~FakeHost() {
  destroy();
}

const dream_host* FakeHost::abi() const {
  return abi_.get();
}

void FakeHost::cut(const std::string& id, uint32_t bytes) {
  *static_cast<uint32_t*>(Functions::find(*this, id)) = bytes;  // struct_size is the first member
}

Outcome FakeHost::outcome(dream_status* status) {
  if (status == nullptr) return {};
  Outcome outcome{status->code, status->message};
  Functions::status_destroy(status);
  return outcome;
}

Outcome FakeHost::describe(const dream_template& entry) {
  dream_schema schema{this, {}};
  Outcome result = outcome(entry.describe(abi(), &schema));
  if (result) declared_ = std::move(schema.declared);
  return result;
}

Outcome FakeHost::create(const dream_template& entry) {
  destroy();
  Outcome described = describe(entry);
  if (!described) return described;
  dream_setup setup{this};
  Outcome result = outcome(entry.create(abi(), &setup, &self_));
  if (result) entry_ = &entry;
  return result;
}

Outcome FakeHost::run(FakeRun& record) {
  dream_run run{this, &record, {}, {}, {}};
  return outcome(entry_->run(abi(), self_, &run));
}

Outcome FakeHost::healthcheck() {
  return outcome(entry_->healthcheck(abi(), self_));
}

void FakeHost::destroy() {
  if (entry_ != nullptr) entry_->destroy(abi(), self_);
  entry_ = nullptr;
}

}  // namespace dream::testing
