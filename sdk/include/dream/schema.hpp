// Schema<Inputs>: a template says here, inside describe(), which inputs it takes and what it gives.
// The host publishes it as OpenAPI and checks every request against it; run() gets a filled Inputs.
#pragma once

#include <dream/abi/schema.h>

#include <concepts>
#include <dream/field.hpp>
#include <dream/interface.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace dream {

// The inputs that all diffusion templates share (prompt, size, steps, seed, …). An empty member of
// this type marks that a template has them; the engine reads their values itself.
struct DiffusionInputs {};

// The inputs that all trainers share (instance_prompt, instance_data, learning_rate, …). An empty
// member of this type marks that a template has them; the engine reads their values itself.
struct TrainingInputs {};

// What a trainer makes: a whole model, or a LoRA that is laid over the model.
enum class TrainingKind : uint32_t { model = DREAM_TRAIN_MODEL, lora = DREAM_TRAIN_LORA };

// The network behind the input control_image, and how its control map is made of that picture.
struct ControlSource {
  std::string network;      // a ControlNet or T2I-Adapter by its name in the model store
  std::string annotator{};  // of Annotator::names(); empty: the picture itself is the map
  bool masked = false;      // made for inpainting: what the mask repaints is hidden from it
};

// How a template's output values belong together: dream::single, list, iterator or concatenate.
template <dream_output_kind Kind>
struct OutputKind {};
inline constexpr OutputKind<DREAM_SINGLE> single;            // one value
inline constexpr OutputKind<DREAM_OUTPUT_LIST> list;         // several, published at the end
inline constexpr OutputKind<DREAM_ITERATOR> iterator;        // several, each published at once
inline constexpr OutputKind<DREAM_CONCATENATE> concatenate;  // pieces of one text

namespace detail {

using InputFunction = dream_status* (*)(dream_run*, dream_str, const dream_value**);

template <class Inputs>
class Binding {
 public:
  virtual ~Binding() = default;
  // Tells the host about the input.
  virtual void declare(const Interface<dream_schema_1>& api, dream_schema* schema) const = 0;
  // Fills the member from the run's value.
  virtual void fill(Inputs& inputs, const dream_host* host, InputFunction input,
                    dream_run* run) const = 0;
};

template <class Inputs, class Owner, class Member>
class MemberBinding final : public Binding<Inputs> {
 public:
  MemberBinding(Member Owner::*member, std::string_view name) : member_(member) {
    using S = Shape<Member>;
    data_.name = name;
    data_.type = S::type;
    data_.any_of = S::any_of ? S::types : 0;
    data_.flags = (S::list ? DREAM_INPUT_LIST : 0) | (S::nullable ? DREAM_INPUT_NULLABLE : 0);
  }

  FieldData& data() { return data_; }

  void declare(const Interface<dream_schema_1>& api, dream_schema* schema) const override {
    data_.add_to(api.host(), schema, api.get(&dream_schema_1::add_input, "add_input"));
  }

  void fill(Inputs& inputs, const dream_host* host, InputFunction input,
            dream_run* run) const override {
    const dream_value* value = nullptr;
    check(host, input(run, view(std::string_view(data_.name)), &value));
    inputs.*member_ = Reader<Member>::read(value, data_.name);
  }

 private:
  Member Owner::*member_;
  FieldData data_;
};

template <class Inputs>
class DiffusionBinding final : public Binding<Inputs> {
 public:
  void declare(const Interface<dream_schema_1>& api, dream_schema* schema) const override {
    check(api.host(),
          api.get(&dream_schema_1::add_diffusion_inputs, "add_diffusion_inputs")(schema));
  }
  void fill(Inputs&, const dream_host*, InputFunction, dream_run*) const override {}
};

template <class Inputs>
class ControlBinding final : public Binding<Inputs> {
 public:
  explicit ControlBinding(ControlSource source) : source_(std::move(source)) {}
  void declare(const Interface<dream_schema_1>& api, dream_schema* schema) const override {
    dream_control_source source{};
    source.struct_size = sizeof source;
    source.flags = source_.masked ? DREAM_CONTROL_MASKED : 0;
    source.network = view(std::string_view(source_.network));
    source.annotator = view(std::string_view(source_.annotator));
    check(api.host(), api.get(&dream_schema_1::add_control_inputs, "add_control_inputs")(schema,
                                                                                         &source));
  }
  void fill(Inputs&, const dream_host*, InputFunction, dream_run*) const override {}

 private:
  ControlSource source_;
};

template <class Inputs>
class TrainingBinding final : public Binding<Inputs> {
 public:
  explicit TrainingBinding(TrainingKind kind) : kind_(kind) {}
  void declare(const Interface<dream_schema_1>& api, dream_schema* schema) const override {
    check(api.host(), api.get(&dream_schema_1::add_training_inputs, "add_training_inputs")(
                          schema, static_cast<uint32_t>(kind_)));
  }
  void fill(Inputs&, const dream_host*, InputFunction, dream_run*) const override {}

 private:
  TrainingKind kind_;
};

struct SchemaAccess;

}  // namespace detail

// Collects the declaration. The order of the calls is the order users see.
template <class Inputs>
class Schema {
 public:
  // Declares the member as an input called `name` ([a-z_][a-z0-9_]*).
  template <class Member, class Owner>
  Field<Member> in(Member Owner::*member, std::string_view name) {
    static_assert(std::derived_from<Inputs, Owner>, "dream: the member is not one of Inputs");
    static_assert(!std::same_as<Member, DiffusionInputs>,
                  "dream: a DiffusionInputs member is declared by diffusion_inputs() or "
                  "control_inputs()");
    static_assert(!std::same_as<Member, TrainingInputs>,
                  "dream: a TrainingInputs member is declared by training_inputs()");
    static_assert(detail::Shape<Member>::valid,
                  "dream: this type cannot be an input. An input is a std::string, integer (up to "
                  "64 bits signed), double, bool, dream::File, dream::Secret or dream::Json; a "
                  "std::vector of one; a std::variant of different ones (no File or Secret); or a "
                  "std::optional of any of these");
    auto binding = std::make_unique<detail::MemberBinding<Inputs, Owner, Member>>(member, name);
    detail::FieldData& data = binding->data();
    bindings_.push_back(std::move(binding));
    return Field<Member>(data);
  }

  // Declares the inputs every diffusion template shares, as the host knows them.
  template <class Owner>
  void diffusion_inputs(DiffusionInputs Owner::*) {
    static_assert(std::derived_from<Inputs, Owner>, "dream: the member is not one of Inputs");
    bindings_.push_back(std::make_unique<detail::DiffusionBinding<Inputs>>());
  }

  // In place of diffusion_inputs(): the same, and among them the inputs of a template that a
  // picture leads: control_image, the annotator's options, return_processed_control,
  // conditioning_scale … SDK 1.1.
  template <class Owner>
  void control_inputs(DiffusionInputs Owner::*, ControlSource source) {
    static_assert(std::derived_from<Inputs, Owner>, "dream: the member is not one of Inputs");
    bindings_.push_back(std::make_unique<detail::ControlBinding<Inputs>>(std::move(source)));
  }

  // Declares the inputs every trainer of this kind shares, as the host knows them, and the output:
  // one file. SDK 1.3.
  template <class Owner>
  void training_inputs(TrainingInputs Owner::*, TrainingKind kind) {
    static_assert(std::derived_from<Inputs, Owner>, "dream: the member is not one of Inputs");
    bindings_.push_back(std::make_unique<detail::TrainingBinding<Inputs>>(kind));
    output<File>(single);
  }

  // Declares the type and kind of the output, for example output<dream::File>(dream::iterator).
  // Not called: one text.
  template <class Value, dream_output_kind Kind = DREAM_SINGLE>
  void output(OutputKind<Kind> = {}) {
    static_assert(detail::Scalar<Value> && !std::same_as<Value, Secret>,
                  "dream: an output is a std::string, integer, double, bool, dream::File or "
                  "dream::Json; several of them are declared by dream::list or dream::iterator");
    static_assert(Kind != DREAM_CONCATENATE || std::same_as<Value, std::string>,
                  "dream: only texts can be concatenated: output<std::string>(dream::concatenate)");
    output_type_ = detail::scalar_type<Value>();
    output_kind_ = Kind;
  }

  // How many runs may go on at once; 1 if not called.
  void max_concurrency(unsigned runs) {
    if (runs == 0) throw InvalidInput("max_concurrency(0): a template must allow one run");
    max_concurrency_ = runs;
  }

 private:
  friend struct detail::SchemaAccess;
  std::vector<std::unique_ptr<detail::Binding<Inputs>>> bindings_;
  uint32_t output_type_ = DREAM_STRING;
  uint32_t output_kind_ = DREAM_SINGLE;
  uint32_t max_concurrency_ = 1;
};

namespace detail {

// What the thunks do with a finished schema; hidden from describe().
struct SchemaAccess {
  template <class Inputs>
  static void declare(const Schema<Inputs>& schema, const dream_host* host, dream_schema* out) {
    const Interface<dream_schema_1> api(host, DREAM_SCHEMA_1);
    for (const auto& binding : schema.bindings_) binding->declare(api, out);
    check(host, api.get(&dream_schema_1::set_output, "set_output")(out, schema.output_type_,
                                                                   schema.output_kind_));
    check(host, api.get(&dream_schema_1::set_max_concurrency, "set_max_concurrency")(
                    out, schema.max_concurrency_));
  }

  template <class Inputs>
  static Inputs read(const Schema<Inputs>& schema, const dream_host* host, InputFunction input,
                     dream_run* run) {
    Inputs inputs{};
    for (const auto& binding : schema.bindings_) binding->fill(inputs, host, input, run);
    return inputs;
  }
};

}  // namespace detail
}  // namespace dream
