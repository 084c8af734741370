// The one header a template includes. A template is a class with
//   struct Inputs { … };                                what a run receives
//   static void describe(dream::Schema<Inputs>&);       declares inputs and output
//   explicit T(dream::Setup&)  or  T();                 set-up, once
//   void run(const Inputs&, dream::Run&);               one prediction
//   void healthcheck();  or bool                        optional: throws, or returns false, if it
//                                                       cannot work any more
// and, if it can be trained, all three of
//   struct TrainInputs { … };                           what a training receives
//   static void describe_train(dream::Schema<TrainInputs>&);
//   void train(const TrainInputs&, dream::Run&);
// and one line after it: DREAM_TEMPLATE(T, "name", "version", "description").
#pragma once

#include <concepts>
#include <dream/annotator.hpp>
#include <dream/barrier.hpp>
#include <dream/engine.hpp>
#include <dream/host.hpp>
#include <dream/image.hpp>
#include <dream/json_writer.hpp>
#include <dream/note.hpp>
#include <dream/run.hpp>
#include <dream/schema.hpp>
#include <dream/status.hpp>
#include <dream/tensor.hpp>
#include <dream/trainer.hpp>
#include <dream/value.hpp>
#include <memory>
#include <string_view>

namespace dream::detail {

template <class T>
concept HasInputs =
    requires { typename T::Inputs; } && std::default_initializable<typename T::Inputs>;
template <class T>
concept HasDescribe = requires(Schema<typename T::Inputs>& schema) { T::describe(schema); };
template <class T>
concept HasRun =
    requires(T& self, const typename T::Inputs& inputs, Run& run) { self.run(inputs, run); };
template <class T>
concept TakesSetup = requires(Setup& setup) { new T(setup); };
template <class T>
concept HasSetup = TakesSetup<T> || requires { new T(); };
template <class T>
concept HasHealthcheck = requires(T& self) { self.healthcheck(); };

// Any of the trainer's three parts; all of them, and each as it must be.
template <class T>
concept MeansTrain = requires { typename T::TrainInputs; } || requires { &T::describe_train; } ||
                     requires { &T::train; };
template <class T>
concept HasTrain =
    requires { typename T::TrainInputs; } && std::default_initializable<typename T::TrainInputs> &&
    requires(Schema<typename T::TrainInputs>& schema) { T::describe_train(schema); } &&
    requires(T& self, const typename T::TrainInputs& inputs, Run& run) { self.train(inputs, run); };

consteval bool is_name(std::string_view name) {
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && c != '-' && c != '_') return false;
  }
  return !name.empty();
}

// The schema of a template's trainer; nothing if it has none.
template <class T>
struct TrainPart {};
template <HasTrain T>
struct TrainPart<T> {
  static Schema<typename T::TrainInputs> describe() {
    Schema<typename T::TrainInputs> schema;
    T::describe_train(schema);
    return schema;
  }
  Schema<typename T::TrainInputs> schema = describe();
};

// What create() hands to the host as `self`.
template <class T>
struct Instance {
  static Schema<typename T::Inputs> describe() {
    Schema<typename T::Inputs> schema;
    T::describe(schema);
    return schema;
  }
  static T make(Setup& setup) {
    if constexpr (TakesSetup<T>)
      return T(setup);
    else
      return T();
  }

  Instance(const dream_host* host, Setup& setup)
      : schema(describe()), train(), interfaces(host), self(make(setup)) {}

  Schema<typename T::Inputs> schema;
  TrainPart<T> train;
  RunInterfaces interfaces;
  T self;
};

// The functions the host calls, each behind the barrier.
template <class T>
struct Thunks {
  static dream_status* describe(const dream_host* host, dream_schema* schema) noexcept {
    return barrier(host, "describe()",
                   [&] { SchemaAccess::declare(Instance<T>::describe(), host, schema); });
  }

  static dream_status* create(const dream_host* host, dream_setup* setup, void** self) noexcept {
    return barrier(host, "the constructor", [&] {
      Setup view(host, setup);
      *self = new Instance<T>(host, view);
    });
  }

  // Fills the inputs and calls `body` with them and the Run.
  template <class Inputs, class Body>
  static void with_inputs(const Instance<T>& instance, const Schema<Inputs>& schema,
                          const dream_host* host, dream_run* handle, Body&& body) {
    const auto input = instance.interfaces.run.get(&dream_run_1::input, "input");
    const Inputs inputs = SchemaAccess::read(schema, host, input, handle);
    Run run(instance.interfaces, handle);
    body(inputs, run);
  }

  static dream_status* run(const dream_host* host, void* self, dream_run* handle) noexcept {
    return barrier(host, "run()", [&] {
      auto& instance = *static_cast<Instance<T>*>(self);
      with_inputs(instance, instance.schema, host, handle,
                  [&](const auto& inputs, Run& run) { instance.self.run(inputs, run); });
    });
  }

  static dream_status* describe_train(const dream_host* host, dream_schema* schema) noexcept
    requires HasTrain<T>
  {
    return barrier(host, "describe_train()",
                   [&] { SchemaAccess::declare(TrainPart<T>::describe(), host, schema); });
  }

  static dream_status* train(const dream_host* host, void* self, dream_run* handle) noexcept
    requires HasTrain<T>
  {
    return barrier(host, "train()", [&] {
      auto& instance = *static_cast<Instance<T>*>(self);
      with_inputs(instance, instance.train.schema, host, handle,
                  [&](const auto& inputs, Run& run) { instance.self.train(inputs, run); });
    });
  }

  static void destroy(const dream_host* host, void* self) noexcept {
    dream_status* status = barrier(host, "the destructor", [&] {
      delete static_cast<Instance<T>*>(self);  // may throw: T decides
    });
    if (status == nullptr) return;
    const auto log = Interface<dream_log_1>(host, DREAM_LOG_1).find(&dream_log_1::log);
    if (log != nullptr) log(host, nullptr, DREAM_LOG_ERROR, host->status_message(status));
    host->status_destroy(status);
  }

  static dream_status* healthcheck(const dream_host* host, void* self) noexcept
    requires HasHealthcheck<T>
  {
    return barrier(host, "healthcheck()", [&] {
      T& asked = static_cast<Instance<T>*>(self)->self;
      if constexpr (std::same_as<decltype(asked.healthcheck()), bool>) {
        if (!asked.healthcheck()) throw Error("user-defined healthcheck returned False");
      } else {
        asked.healthcheck();
      }
    });
  }
};

template <class T>
consteval dream_template make_template(const char* name, const char* version,
                                       const char* description) {
  static_assert(HasInputs<T>,
                "dream: a template needs `struct Inputs { ... };` inside the class, "
                "with a default constructor");
  if constexpr (HasInputs<T>) {
    static_assert(HasDescribe<T>,
                  "dream: a template needs a public function "
                  "`static void describe(dream::Schema<Inputs>& schema)`");
    static_assert(HasRun<T>,
                  "dream: a template needs a public function "
                  "`void run(const Inputs& in, dream::Run& run)`");
  }
  static_assert(HasSetup<T>,
                "dream: a template needs a public constructor from (dream::Setup&), or "
                "one without arguments");
  static_assert(!MeansTrain<T> || HasTrain<T>,
                "dream: a template that can be trained needs all of `struct TrainInputs { ... };` "
                "(with a default constructor), `static void "
                "describe_train(dream::Schema<TrainInputs>& schema)` and `void train(const "
                "TrainInputs& in, dream::Run& run)`, public; one that cannot needs none of them");
  dream_template entry{};
  entry.struct_size = sizeof entry;
  entry.sdk_major = DREAM_SDK_MAJOR;
  entry.sdk_minor = DREAM_SDK_MINOR;
  entry.name = name;
  entry.version = version;
  entry.description = description;
  if constexpr (HasInputs<T> && HasSetup<T>) {
    if constexpr (HasDescribe<T> && HasRun<T>) {
      entry.describe = Thunks<T>::describe;
      entry.create = Thunks<T>::create;
      entry.run = Thunks<T>::run;
      entry.destroy = Thunks<T>::destroy;
      if constexpr (HasHealthcheck<T>) entry.healthcheck = Thunks<T>::healthcheck;
      if constexpr (HasTrain<T>) {
        entry.describe_train = Thunks<T>::describe_train;
        entry.train = Thunks<T>::train;
      }
    }
  }
  return entry;
}

}  // namespace dream::detail

// Defines the library's one exported function, without the ABI note.
#define DREAM_DETAIL_ENTRY(Type, name, version, description)                    \
  static_assert(::dream::detail::is_name(name),                                 \
                "dream: a template's name consists of a-z, 0-9, - and _");      \
  static_assert(!::std::string_view(description).empty(),                       \
                "dream: a template needs a description");                       \
  extern "C" __attribute__((visibility("default"), used)) const dream_template* \
  dream_template_entry(void);                                                   \
  const dream_template* dream_template_entry(void) {                            \
    static constexpr dream_template entry =                                     \
        ::dream::detail::make_template<Type>(name, version, description);       \
    return &entry;                                                              \
  }

// Makes a library of this class: name [a-z0-9_-]+, version ("1.0.0"), one sentence for users.
// Stands once per library, outside namespaces.
#define DREAM_TEMPLATE(Type, name, version, description) \
  DREAM_DETAIL_NOTE(DREAM_DETAIL_NOTE_TEXT)              \
  DREAM_DETAIL_ENTRY(Type, name, version, description)
