// Mistakes of template authors. Compiles as it stands; with -DMISUSE_<NAME> it must not, and the
// compiler must say what CMakeLists.txt expects of that name.
#include <dream/template.hpp>

#include <ostream>

namespace {

struct Inputs {
  std::string text;
  int whole = 0;
  double number = 0;
  bool flag = false;
  dream::File file;
  dream::Secret secret;
  dream::DiffusionInputs diffusion;
  std::vector<int> list;
  std::vector<std::vector<int>> nested;
  unsigned long too_wide = 0;
  std::variant<std::string, int> either;
};
struct Other {
  std::string text;
};

[[maybe_unused]] void describe([[maybe_unused]] dream::Schema<Inputs>& s) {
#if defined(MISUSE_GE_ON_TEXT)
  s.in(&Inputs::text, "text").ge(1);
#elif defined(MISUSE_REGEX_ON_NUMBER)
  s.in(&Inputs::whole, "whole").regex("^1");
#elif defined(MISUSE_LIMIT_IS_TEXT)
  s.in(&Inputs::whole, "whole").le("9");
#elif defined(MISUSE_DEFAULT_OF_OTHER_TYPE)
  s.in(&Inputs::whole, "whole").def("9");
#elif defined(MISUSE_DEFAULT_LOSES_FRACTION)
  s.in(&Inputs::whole, "whole").def(1.5);
#elif defined(MISUSE_DEFAULT_NOT_IN_UNION)
  s.in(&Inputs::either, "either").def(1.5);
#elif defined(MISUSE_NUMBER_FOR_FLAG)
  s.in(&Inputs::flag, "flag").def(1);
#elif defined(MISUSE_LIST_FOR_SCALAR)
  s.in(&Inputs::whole, "whole").def({1, 2});
#elif defined(MISUSE_DEFAULT_FILE)
  s.in(&Inputs::file, "file").def(dream::File{"/x"});
#elif defined(MISUSE_CHOICES_OF_NUMBERS)
  s.in(&Inputs::number, "number").choices({1.0, 2.0});
#elif defined(MISUSE_NESTED_LIST)
  s.in(&Inputs::nested, "nested").doc("Nested");
#elif defined(MISUSE_TOO_WIDE)
  s.in(&Inputs::too_wide, "too_wide").doc("Too wide");
#elif defined(MISUSE_FOREIGN_MEMBER)
  s.in(&Other::text, "text").doc("Of another struct");
#elif defined(MISUSE_DIFFUSION_AS_INPUT)
  s.in(&Inputs::diffusion, "diffusion").doc("Diffusion");
#elif defined(MISUSE_CONCATENATE_NUMBERS)
  s.output<int>(dream::concatenate);
#elif defined(MISUSE_OUTPUT_SECRET)
  s.output<dream::Secret>();
#endif
}

[[maybe_unused]] void run([[maybe_unused]] const Inputs& in, [[maybe_unused]] dream::Run& run,
                          [[maybe_unused]] std::ostream& out) {
#if defined(MISUSE_EMIT_SECRET)
  run.emit(in.secret);
#elif defined(MISUSE_PRINT_SECRET)
  out << in.secret;
#elif defined(MISUSE_LOG_SECRET)
  run.info(in.secret);
#elif defined(MISUSE_TENSOR_OF_FLAGS)
  dream::Tensor::zeros(run, {1}).data<bool>();
#elif defined(MISUSE_SECRET_IN_JSON)
  dream::JsonWriter().value(in.secret);
#endif
}

class Good {
 public:
  using Inputs = ::Inputs;
  static void describe(dream::Schema<Inputs>& s) { ::describe(s); }
#ifndef MISUSE_NO_RUN
  void run(const Inputs&, dream::Run&) {}
#endif
  struct TrainInputs {};
#ifndef MISUSE_TRAIN_WITHOUT_SCHEMA
  static void describe_train(dream::Schema<TrainInputs>&) {}
#endif
#ifndef MISUSE_SCHEMA_WITHOUT_TRAIN
  void train(const TrainInputs&, dream::Run&) {}
#endif
};

}  // namespace

#ifdef MISUSE_BAD_NAME
DREAM_TEMPLATE(Good, "My Template", "1.0.0", "A test.")
#else
DREAM_TEMPLATE(Good, "good", "1.0.0", "A test.")
#endif
