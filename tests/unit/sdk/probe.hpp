// A template whose constructor and run() are given by the test, with engine and annotator at hand.
#pragma once

#include <dream/template.hpp>
#include <dream/testing.hpp>
#include <functional>

namespace {

class Probe {
 public:
  struct Inputs {
    dream::DiffusionInputs diffusion;
    std::optional<dream::File> image;
  };
  using Body = std::function<void(Probe&, const Inputs&, dream::Run&)>;
  static inline Body body;

  static void describe(dream::Schema<Inputs>& s) {
    s.diffusion_inputs(&Inputs::diffusion);
    s.in(&Inputs::image, "image").doc("A picture");
    s.output<dream::File>(dream::iterator);
  }
  explicit Probe(dream::Setup& setup) : engine(setup), canny(setup, "canny") {}
  void run(const Inputs& in, dream::Run& run) { body(*this, in, run); }

  dream::Engine engine;
  dream::Annotator canny;
};

// Runs `body` once on a host of its own; fails the test if anything of the host's is left over.
template <class Expect>
void probe(dream::testing::TestHost& host, Probe::Body body, const dream::testing::Inputs& inputs,
           Expect expect) {
  static const dream_template entry = dream::detail::make_template<Probe>("probe", "1", "A test.");
  Probe::body = std::move(body);
  expect(host.load(&entry).run(inputs));
  host.destroy();
  EXPECT_EQ(host.leaks(), "");
}

}  // namespace
