#include "host/worker/loaded_template.hpp"

#include <chrono>
#include <cstddef>
#include <utility>

#include "host/worker/sdk_host/schema_builder.hpp"
#include "host/worker/sdk_host/status.hpp"
#include "host/worker/template_library.hpp"

namespace dream::worker {
namespace {

constexpr std::chrono::milliseconds cancel_poll{20};

[[noreturn]] void throw_status(dream_status* status) {
  const auto code = static_cast<dream_code>(status_code(status));
  const std::string message(status_message(status));
  free_status(status);
  throw SdkError(code, message.empty() ? "the template failed without a message" : message);
}

// Calls into a template: its status becomes an exception, and so does an exception that it let
// escape against the rule.
template <class Call>
void call(Call&& function) {
  dream_status* status = nullptr;
  try {
    status = function();
  } catch (...) {
    throw SdkError(DREAM_INTERNAL, "template threw an exception across the ABI");
  }
  if (status != nullptr) throw_status(status);
}

TemplateSchema describe(const HostState& host, const dream_template& entry) {
  dream_schema schema{{}, host.defaults};
  try {
    call([&] { return entry.describe(&host, &schema); });
  } catch (const SdkError& error) {
    throw SdkError(error.code(), "template '" + std::string(entry.name) + "': " + error.what());
  }
  return std::move(schema.schema);
}

}  // namespace

// One of the runs a template allows at once.
class LoadedTemplate::Turn {
 public:
  Turn(LoadedTemplate& owner, const std::atomic<bool>& canceled) : owner_(owner) {
    std::unique_lock lock(owner_.mutex_);
    while (owner_.runs_ >= owner_.declared_.max_concurrency()) {
      if (canceled) throw SdkError(DREAM_CANCELED, "canceled");
      owner_.run_ended_.wait_for(lock, cancel_poll);
    }
    ++owner_.runs_;
  }
  ~Turn() {
    {
      const std::lock_guard lock(owner_.mutex_);
      --owner_.runs_;
    }
    owner_.run_ended_.notify_one();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  LoadedTemplate& owner_;
};

LoadedTemplate::LoadedTemplate(HostState& host, const std::filesystem::path& path)
    : host_(host),
      entry_(load_template(path)),
      name_(entry_.name),
      declared_(describe(host, entry_)),
      schema_json_(declared_.to_json()) {
  schema_json_["name"] = name_;
  schema_json_["version"] = entry_.version;
  schema_json_["description"] = entry_.description;
  schema_json_["sdk"] = std::to_string(entry_.sdk_major) + "." + std::to_string(entry_.sdk_minor);
  schema_json_["path"] = path.native();
}

void LoadedTemplate::create() {
  dream_setup setup{host_, name_};
  call([&] { return entry_.create(&host_, &setup, &self_); });
  created_ = true;
}

void LoadedTemplate::run(RunRequest request, const Send& send, const std::atomic<bool>& canceled) {
  if (!created_)
    throw SdkError(DREAM_INTERNAL, "template '" + name_ + "' was described, but not set up");
  const Turn turn(*this, canceled);
  if (canceled) throw SdkError(DREAM_CANCELED, "canceled");
  dream_run run(declared_, std::move(request), send, canceled);
  try {
    call([&] { return entry_.run(&host_, self_, &run); });
  } catch (const SdkError& error) {
    if (canceled && error.code() != DREAM_CANCELED)
      run.log("warning", std::string("failed after it was canceled: ") + error.what());
    if (!canceled) throw;
  }
  if (canceled) throw SdkError(DREAM_CANCELED, "canceled");
}

void LoadedTemplate::healthcheck() const {
  const bool known =
      entry_.struct_size >= offsetof(dream_template, healthcheck) + sizeof entry_.healthcheck;
  if (!created_ || !known || entry_.healthcheck == nullptr) return;
  call([&] { return entry_.healthcheck(&host_, self_); });
}

void LoadedTemplate::destroy() noexcept {
  if (!created_) return;
  created_ = false;
  quietly([&] { entry_.destroy(&host_, self_); });
}

}  // namespace dream::worker
