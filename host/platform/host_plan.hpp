// Which hosts a machine should have: a decision from what waits and what runs, free of processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "host/storage/clock.hpp"
#include "host/storage/stored_prediction.hpp"

namespace dream::host {

struct HostView {
  HostKind kind;
  enum class State { starting, idle, busy, ending } state = State::starting;
  Micros since = 0;         // of that state
  std::uint64_t bytes = 0;  // in memory
};

struct HostWish {
  HostKind kind;
  std::int64_t waiting = 0;  // predictions
  Micros waiting_since = 0;  // of the oldest
  std::int64_t least = 0;    // hosts that stay, whatever happens
  std::int64_t most = 1;     // hosts
  bool is_paused = false;    // none is started now; those there are stay
};

struct HostBounds {
  std::size_t hosts = 2;     // at a time
  std::uint64_t bytes = 0;   // of all together, before another one starts; 0: no limit
  Micros idle = 300'000'000;     // that a host without work stays
  Micros patience = 10'000'000;  // of predictions without a host, before others lose theirs
};

struct HostPlan {
  std::vector<HostKind> start;
  std::vector<std::size_t> end;  // of `hosts`, once what they run is done
};

// `wishes`: the one that has waited longest first; those where nothing waits last.
HostPlan plan_hosts(const std::vector<HostView>& hosts, const std::vector<HostWish>& wishes,
                    const HostBounds& bounds, Micros now);

}  // namespace dream::host
