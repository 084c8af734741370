// Access to a host interface by id. A host that is older than the template may lack the interface
// or its last functions; using one then throws Unsupported, which says what is missing and the
// remedy.
#pragma once

#include <cstddef>
#include <dream/status.hpp>
#include <string>

namespace dream::detail {

// "1.0": the host's SDK version.
inline std::string host_version(const dream_host* host) {
  return std::to_string(host->sdk_major) + "." + std::to_string(host->sdk_minor);
}

[[noreturn]] inline void throw_missing(const dream_host* host, const std::string& what) {
  throw Unsupported("this host offers SDK " + host_version(host) + " without " + what +
                    ", which this template (built with SDK " + std::to_string(DREAM_SDK_MAJOR) +
                    "." + std::to_string(DREAM_SDK_MINOR) +
                    ") needs: update the host, or use a host built with it");
}

// One interface struct, asked for once. Table is the struct of abi/*.h that `id` names.
template <class Table>
class Interface {
 public:
  Interface(const dream_host* host, const char* id)
      : host_(host), id_(id), table_(static_cast<const Table*>(host->query(host, id))) {}

  // The function in `slot`, or null if this host does not have it.
  template <class Function>
  Function find(Function Table::*slot) const noexcept {
    if (table_ == nullptr) return nullptr;
    const auto* begin = reinterpret_cast<const char*>(table_);
    const auto* end = reinterpret_cast<const char*>(&(table_->*slot)) + sizeof(Function);
    if (static_cast<std::size_t>(end - begin) > table_->struct_size) return nullptr;
    return table_->*slot;
  }

  // The function in `slot`; throws Unsupported if this host does not have it.
  template <class Function>
  Function get(Function Table::*slot, const char* name) const {
    const Function function = find(slot);
    if (function != nullptr) return function;
    const std::string id = std::string("the interface \"") + id_ + "\"";
    throw_missing(host_, table_ == nullptr ? id : std::string(name) + "() of " + id);
  }

  const dream_host* host() const noexcept { return host_; }

 private:
  const dream_host* host_;
  const char* id_;
  const Table* table_;
};

}  // namespace dream::detail
