// Fault: dies of SIGSEGV.
#include <csignal>

#include "fault.hpp"

namespace {

class Segfaults : public Healthy {
 public:
  void run(const Inputs&, dream::Run&) { std::raise(SIGSEGV); }
};

}  // namespace

DREAM_TEMPLATE(Segfaults, "segfaults_in_run", "1.0.0", "Dies of a segmentation fault.")
