#include "sdk/engine/tensor/recompute.hpp"

#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <utility>

#include "sdk/engine/tensor/autocast.hpp"

namespace dream::engine {
namespace {

thread_local std::pair<bool, at::Generator> current{false, at::Generator()};
thread_local bool is_first_pass = false;  // of a layer that will be computed again

// What surrounds a layer's computation and is gone by the backward pass, which may be another
// thread's.
class Surroundings {
 public:
  explicit Surroundings(const at::Tensor& input)
      : device_(input.device()),
        autocast_(at::autocast::is_autocast_enabled(device_.type())
                      ? std::optional(at::autocast::get_autocast_dtype(device_.type()))
                      : std::nullopt),
        generator_(current.second),
        drawn_(generator_.defined() ? generator_.get_state() : at::Tensor()) {}

  template <class Body>
  auto again(const Body& body) {
    const at::AutoGradMode recording(true);
    const Autocast autocast(autocast_, device_);
    if (!generator_.defined()) return body();
    const auto now = generator_.get_state();
    generator_.set_state(drawn_);
    auto result = body();
    generator_.set_state(now);
    return result;
  }

 private:
  at::Device device_;
  std::optional<at::ScalarType> autocast_;
  at::Generator generator_;
  at::Tensor drawn_;
};

struct Kept : torch::CustomClassHolder {
  Kept(Layer what, Surroundings where) : layer(std::move(what)), around(std::move(where)) {}
  Layer layer;
  Surroundings around;
};

// The first input is one that requires gradients: without it nothing would be recorded where none
// of the layer's own inputs does.
struct Recomputed : torch::autograd::Function<Recomputed> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor&,
                            const at::Tensor& x, const at::Tensor& condition,
                            const c10::intrusive_ptr<Kept>& kept) {
    const at::NoGradGuard unrecorded;
    context->save_for_backward({x, condition});
    context->saved_data["kept"] = at::IValue::make_capsule(kept);
    const bool outer = std::exchange(is_first_pass, true);
    auto result = kept->layer(x, condition);
    is_first_pass = outer;
    return result;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto capsule = context->saved_data["kept"].toCapsule();
    auto& kept = static_cast<Kept&>(*capsule);
    torch::autograd::variable_list inputs;
    for (const auto& saved : context->get_saved_variables())
      inputs.push_back(saved.detach().requires_grad_(saved.requires_grad()));
    const auto output = kept.around.again([&] { return kept.layer(inputs[0], inputs[1]); });
    // Parameters get theirs here; frozen layers at the model's beginning have none.
    if (output.requires_grad()) output.backward(gradients[0]);
    return {at::Tensor(), inputs[0].grad(), inputs[1].grad(), at::Tensor()};
  }
};

}  // namespace

Recomputing::Recomputing(bool on, at::Generator generator)
    : before_(std::exchange(current, {on, std::move(generator)})) {}

Recomputing::~Recomputing() {
  current = std::move(before_);
}

bool is_recomputing() {
  return current.first && at::GradMode::is_enabled();
}

bool is_for_gradients() {
  return is_first_pass || at::GradMode::is_enabled();
}

at::Tensor recomputed(const at::Tensor& x, const at::Tensor& condition, Layer layer) {
  const auto recorded = at::ones({0}).requires_grad_(true);
  return Recomputed::apply(recorded, x, condition,
                           c10::make_intrusive<Kept>(std::move(layer), Surroundings(x)));
}

}  // namespace dream::engine
