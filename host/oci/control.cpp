#include "host/oci/control.hpp"

#include <algorithm>
#include <thread>

#include "host/oci/errors.hpp"

namespace dream::host::oci {

void Control::check() const {
  if (is_canceled()) throw Canceled();
}

void Control::pause(std::chrono::milliseconds time) const {
  constexpr std::chrono::milliseconds moment(50);
  while (time.count() > 0) {
    check();
    std::this_thread::sleep_for(std::min(time, moment));
    time -= moment;
  }
  check();
}

}  // namespace dream::host::oci
