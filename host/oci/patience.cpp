#include "host/oci/patience.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "host/oci/errors.hpp"

namespace dream::host::oci {
namespace {

constexpr std::chrono::milliseconds longest_pause{30'000};
constexpr unsigned most_doublings = 10;

// Between half and all of it: clients that failed together should not come back together.
std::chrono::milliseconds jittered(std::chrono::milliseconds pause) {
  static thread_local std::minstd_rand random(std::random_device{}());
  return std::chrono::milliseconds(
      std::uniform_int_distribution<std::int64_t>(pause.count() / 2, pause.count())(random));
}

}  // namespace

Patience::Patience(const RegistryOptions& options, const Control& control, std::string what)
    : options_(options), control_(control), what_(std::move(what)) {}

void Patience::wait(const std::string& problem, std::chrono::seconds asked) {
  if (++failures_ >= options_.tries)
    throw UnreachableError(
        fmt::format("{} failed {} times in a row: {}", what_, failures_, problem));
  if (asked > options_.longest_wait)
    throw UnreachableError(
        fmt::format("{} failed: {}; the registry wants {} s of peace, more than "
                    "{} s are not waited",
                    what_, problem, asked.count(), options_.longest_wait.count()));
  const auto pause = options_.first_pause * (1 << std::min(failures_ - 1, most_doublings));
  control_.pause(
      std::max<std::chrono::milliseconds>(asked, jittered(std::min(pause, longest_pause))));
}

bool may_pass(long status) {
  constexpr long not_implemented = 501;
  return status == 408 || status == 429 || (status >= 500 && status != not_implemented);
}

}  // namespace dream::host::oci
