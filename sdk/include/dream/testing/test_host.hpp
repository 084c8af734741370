// TestHost: a host in memory, and TestTemplate: a template that it loaded. See dream/testing.hpp.
#pragma once

#include <dlfcn.h>

#include <dream/testing/fake_annotator.hpp>
#include <dream/testing/fake_engine.hpp>
#include <dream/testing/fake_image.hpp>
#include <dream/testing/fake_run.hpp>
#include <dream/testing/fake_tensor.hpp>
#include <dream/testing/fake_trainer.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace dream::testing {

// What a prediction came to, and everything it did.
struct Result : Recorded {
  std::string status;  // "succeeded", "failed" or "canceled"
  std::string error;   // the message of a failed one
  int code = DREAM_OK;
};

class TestHost;

// The template that a TestHost loaded last: valid until the next load() or the host's end.
class TestTemplate {
 public:
  // One prediction, or one training: checks the inputs as a host does, then calls the template.
  Result run(const Inputs& inputs = {}) { return call(inputs, false); }
  Result train(const Inputs& inputs = {}) { return call(inputs, true); }

  // Why the template is not able to work any more; a success if it is, or has no healthcheck.
  Outcome healthcheck();
  // What it declared.
  const Declared& schema() const;
  // The same in words, for a snapshot file; the training's below, if it has one.
  std::string schema_text() const;

 private:
  friend class TestHost;
  explicit TestTemplate(TestHost& host) : host_(&host) {}
  Result call(const Inputs& inputs, bool training);
  TestHost* host_;
};

class TestHost : public HostState {
 public:
  // sdk_minor: of the host it plays.
  explicit TestHost(uint32_t sdk_minor = DREAM_SDK_MINOR) {
    using S = StatusFunctions;
    static_cast<dream_host&>(abi_) = {sizeof(dream_host), DREAM_SDK_MAJOR, sdk_minor,  query,
                                      S::create,          S::code,         S::message, S::destroy};
    abi_.state = this;
    abi_.host = this;
  }
  ~TestHost() {
    destroy();
    if (library_ != nullptr) dlclose(library_);
  }

  // Loads a template that is linked into the test: load(dream_template_entry()), or a built library
  // by its path. Describes it and sets it up; ends the one before. Throws std::runtime_error with
  // the template's message if that fails.
  TestTemplate load(const dream_template* entry) {
    const Outcome created = create(*entry);
    if (!created) throw std::runtime_error(created.message);
    return TestTemplate(*this);
  }
  TestTemplate load(const std::string& path) {
    destroy();
    if (library_ != nullptr) dlclose(library_);
    library_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    void* entry = library_ == nullptr ? nullptr : dlsym(library_, DREAM_TEMPLATE_ENTRY);
    if (entry == nullptr) throw std::runtime_error(dlerror());
    return load(reinterpret_cast<dream_template_entry_fn>(entry)());
  }

  // Cancels the next run (or training) after this many checkpoints; each step of generate() is one.
  void cancel_after(int checkpoints) { cancel_at_ = checkpoints; }
  // Plays a host that does not have this interface.
  void hide(const std::string& id) { hidden.insert(id); }
  // Plays a host whose interface ends before `bytes`.
  void cut(const std::string& id, uint32_t bytes) {
    *static_cast<uint32_t*>(find(id)) = bytes;  // struct_size is the first member
  }

  // What was made and not freed, "" if nothing; call it after destroy().
  std::string leaks() const {
    std::string text;
    const auto add = [&](int count, const char* what) {
      if (count != 0) text += std::to_string(count) + " " + what + "\n";
    };
    add(live_statuses, "statuses");
    add(live_images, "pictures");
    add(live_tensors, "tensors");
    add(engines_open, "engines");
    add(annotators_open, "annotators");
    add(trainers_open, "trainers");
    add(loops_open, "denoise loops");
    return text;
  }

  // The template's functions one by one, in the order a host calls them; create() describes first.
  Outcome describe(const dream_template& entry) {
    dream_schema schema{this, {}};
    Outcome result = outcome(entry.describe(&abi_, &schema));
    if (result) declared_ = std::move(schema.declared);
    dream_schema train_schema{this, {}};
    if (result && entry.describe_train != nullptr) {
      result = outcome(entry.describe_train(&abi_, &train_schema));
      if (result) train_declared_ = std::move(train_schema.declared);
    }
    return result;
  }
  Outcome create(const dream_template& entry) {
    destroy();
    const Outcome described = describe(entry);
    if (!described) return described;
    dream_setup setup{this};
    const Outcome result = outcome(entry.create(&abi_, &setup, &self_));
    if (result) entry_ = &entry;
    return result;
  }
  Outcome run(TestRun& record) { return call(entry_->run, declared_, record); }
  Outcome train(TestRun& record) {
    if (entry_->train == nullptr) return {DREAM_UNSUPPORTED, "the template cannot be trained"};
    return call(entry_->train, train_declared_, record);
  }
  Outcome healthcheck() {
    return entry_->healthcheck == nullptr ? Outcome() : outcome(entry_->healthcheck(&abi_, self_));
  }
  void destroy() {
    if (entry_ != nullptr) entry_->destroy(&abi_, self_);
    entry_ = nullptr;
  }

  const dream_host* abi() const { return &abi_; }
  const Declared& declared() const { return declared_; }
  const Declared& train_declared() const { return train_declared_; }
  const dream_template* entry() const { return entry_; }

 private:
  friend class TestTemplate;
  struct Handle : FakeHandle {
    TestHost* host = nullptr;
  };

  static const void* query(const dream_host* handle, const char* id) {
    TestHost& self = *static_cast<const Handle*>(handle)->host;
    const std::lock_guard lock(self.mutex);
    ++self.queries[id];
    return self.hidden.count(id) != 0 ? nullptr : self.find(id);
  }
  void* find(const std::string& id) {
    if (id == DREAM_SCHEMA_1) return &schema_;
    if (id == DREAM_RUN_1) return &run_;
    if (id == DREAM_LOG_1) return &log_;
    if (id == DREAM_METRIC_1) return &metric_;
    if (id == DREAM_IMAGE_1) return &image_;
    if (id == DREAM_TENSOR_1) return &tensor_;
    if (id == DREAM_ANNOTATOR_1) return &annotator_;
    if (id == DREAM_ENGINE_DIFFUSION_1) return &engine_;
    if (id == DREAM_ENGINE_TRAINING_1) return &trainer_;
    return nullptr;
  }

  static Outcome outcome(dream_status* status) {
    if (status == nullptr) return {};
    const Outcome outcome{status->code, status->message};
    StatusFunctions::destroy(status);
    return outcome;
  }
  Outcome call(dream_status* (*function)(const dream_host*, void*, dream_run*),
               const Declared& declared, TestRun& record) {
    dream_run run{this, &declared, &record};
    return outcome(function(&abi_, self_, &run));
  }

  Handle abi_;
  dream_schema_1 schema_ = SchemaFunctions::table();
  dream_run_1 run_ = RunFunctions::table();
  dream_log_1 log_ = LogFunctions::table();
  dream_metric_1 metric_ = MetricFunctions::table();
  dream_image_1 image_ = ImageFunctions::table();
  dream_tensor_1 tensor_ = TensorFunctions::table();
  dream_annotator_1 annotator_ = AnnotatorFunctions::table();
  dream_engine_diffusion_1 engine_ = EngineFunctions::table();
  dream_engine_training_1 trainer_ = TrainerFunctions::table();
  Declared declared_, train_declared_;
  const dream_template* entry_ = nullptr;
  void* self_ = nullptr;
  void* library_ = nullptr;
  int cancel_at_ = -1;
};

inline Outcome TestTemplate::healthcheck() {
  return host_->healthcheck();
}
inline const Declared& TestTemplate::schema() const {
  return host_->declared();
}
inline std::string TestTemplate::schema_text() const {
  std::string text = testing::schema_text(host_->declared());
  if (host_->entry()->train != nullptr) {
    text += "\ntrain\n" + testing::schema_text(host_->train_declared());
  }
  return text;
}

inline Result TestTemplate::call(const Inputs& inputs, bool training) {
  TestRun record;
  Outcome outcome;
  record.cancel_at_checkpoint = std::exchange(host_->cancel_at_, -1);
  try {
    record.inputs = checked_inputs(training ? host_->train_declared() : host_->declared(), inputs);
    outcome = training ? host_->train(record) : host_->run(record);
  } catch (const InvalidInput& error) {
    outcome = {DREAM_INVALID_INPUT, error.what()};
  }
  Result result;
  static_cast<Recorded&>(result) = std::move(static_cast<Recorded&>(record));
  result.code = outcome.code;
  result.status = outcome ? "succeeded" : outcome.code == DREAM_CANCELED ? "canceled" : "failed";
  if (result.status == "failed") result.error = outcome.message;
  return result;
}

}  // namespace dream::testing
