// The checks of one template, in the order of its life. What one check learns (the schema, how long
// a run takes) the later ones use.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/check/check.hpp"
#include "host/check/input_maker.hpp"
#include "host/check/probe.hpp"
#include "host/check/process_state.hpp"

namespace dream::host::check {

class Checker {
 public:
  Checker(Bench bench, const CheckOptions& options, SampleFiles files);

  // file_checks.cpp: without running any of its code
  Verdict note();
  Verdict exports();
  // life_checks.cpp
  Verdict describe();
  Verdict schema();
  Verdict set_up();
  Verdict double_create();
  Verdict traces();
  Verdict shutdown();
  Verdict leaks();
  // run_checks.cpp
  Verdict run();
  Verdict bad_input();
  Verdict exceptions() const;
  Verdict cancel();
  Verdict concurrency();

  bool loadable() const { return loadable_; }
  bool described() const { return maker_ != nullptr; }
  bool created() const { return created_; }

 private:
  struct Tally {  // of the runs so far
    std::size_t runs = 0;
    std::size_t failed = 0;
    std::string silent;   // a failure without a message
    std::string escaped;  // an exception that crossed the ABI
  };

  Outcome observe(Outcome outcome);
  // Why the outcome of a run that should have succeeded is a fault; empty if it is none.
  std::string fault_of(const Outcome& outcome) const;
  std::string wrong_output(const Outcome& outcome) const;
  std::unique_ptr<Probe> ready_probe(int slots = 1);
  std::string runs_in_vain() const;

  Bench bench_;
  CheckOptions options_;
  SampleFiles files_;
  std::string entry_;  // the names under which it is loaded: the file's, and a second one
  std::string again_;
  bool loadable_ = false;
  bool created_ = false;
  nlohmann::json schema_;
  std::string schema_refusal_;
  std::unique_ptr<InputMaker> maker_;
  bool example_works_ = false;
  double run_ms_ = 0;  // of the example
  Tally tally_;
};

}  // namespace dream::host::check
