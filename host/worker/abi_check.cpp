#include "host/worker/abi_check.hpp"

#include <dream/abi/types.h>

#include <string>  // defines _GLIBCXX_USE_CXX11_ABI

namespace dream::worker {
namespace {

std::string version(unsigned major, unsigned minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

std::string compiler() {
#ifdef __clang__
  return "clang" + std::to_string(__clang_major__);
#else
  return "gcc" + std::to_string(__GNUC__);
#endif
}

std::string refuse_torch_tier(const AbiNote& note, const HostAbi& host) {
  const std::string sdk = version(host.sdk_major, host.sdk_minor);
  const std::string reason = "it is of tier torch, which needs an exact match: it was built with ";
  if (host.torch == "none")
    return reason + "torch " + note.value("torch") +
           ", this dream without torch: use a dream that has the diffusion engine, or rebuild the "
           "template in tier c";
  struct Fact {
    const char* name;
    std::string theirs, ours;
  };
  const Fact facts[] = {{"torch", note.value("torch"), host.torch},
                        {"compiler", note.value("cxx"), host.cxx},
                        {"cxx11abi", note.value("cxx11abi"), host.cxx11abi},
                        {"SDK", note.value("sdk"), sdk}};
  std::string theirs, ours;
  for (const Fact& fact : facts) {
    if (fact.theirs == fact.ours) continue;
    const std::string comma = theirs.empty() ? "" : ", ";
    theirs += comma + fact.name + " " + (fact.theirs.empty() ? "unknown" : fact.theirs);
    ours += comma + fact.name + " " + fact.ours;
  }
  if (theirs.empty()) return {};
  return reason + theirs + ", this dream with " + ours +
         ": rebuild the template with what this dream has, or in tier c";
}

}  // namespace

HostAbi host_abi() {
  HostAbi abi;
  abi.sdk_major = DREAM_SDK_MAJOR;
  abi.sdk_minor = DREAM_SDK_MINOR;
  abi.cxx = compiler();
  abi.cxx11abi = std::to_string(_GLIBCXX_USE_CXX11_ABI);
  abi.torch = DREAM_TORCH_TAG;
  return abi;
}

std::string abi_refusal(const AbiNote& note, const HostAbi& host) {
  const std::string ours = version(host.sdk_major, host.sdk_minor);
  const std::string pair = "built for SDK " + version(note.sdk_major, note.sdk_minor) +
                           ", this dream speaks SDK " + ours + ": ";
  if (note.sdk_major < host.sdk_major) return pair + "rebuild the template with SDK " + ours;
  if (note.sdk_major > host.sdk_major || note.sdk_minor > host.sdk_minor)
    return pair + "update dream, or rebuild the template with an SDK ≤ " + ours;
  if (note.tier == "torch") return refuse_torch_tier(note, host);
  if (note.tier != "c")
    return "it is of tier '" + note.tier + "', this dream knows the tiers c and torch: update " +
           "dream, or rebuild the template in tier c";
  return {};
}

}  // namespace dream::worker
