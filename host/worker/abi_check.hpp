// Decides from an ABI note whether this host can load a template, and explains a refusal: both
// versions and the remedy.
#pragma once

#include <string>

#include "host/worker/elf_note.hpp"

namespace dream::worker {

// What a template is measured against.
struct HostAbi {
  unsigned sdk_major = 0;
  unsigned sdk_minor = 0;
  std::string cxx;       // "gcc12", "clang16"
  std::string cxx11abi;  // "0" or "1"
  std::string torch;     // "2.13.0", or "none" in a build without the engine
};

// The ABI of this build.
HostAbi host_abi();

// Why the template cannot be loaded, without its file name; empty when it can.
std::string abi_refusal(const AbiNote& note, const HostAbi& host);

}  // namespace dream::worker
