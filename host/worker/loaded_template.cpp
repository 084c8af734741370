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

// Does a template of this size have the member? One built on an earlier minor may end before it.
template <class Member>
bool has(const dream_template& entry, Member dream_template::*member) {
  const auto offset = static_cast<std::size_t>(reinterpret_cast<const char*>(&(entry.*member)) -
                                               reinterpret_cast<const char*>(&entry));
  return entry.struct_size >= offset + sizeof(Member) && entry.*member != nullptr;
}

using DescribeFunction = decltype(dream_template::describe);

TemplateSchema describe(const HostState& host, const dream_template& entry,
                        DescribeFunction function) {
  dream_schema schema{{}, host.defaults};
  try {
    call([&] { return function(&host, &schema); });
  } catch (const SdkError& error) {
    throw SdkError(error.code(), "template '" + std::string(entry.name) + "': " + error.what());
  }
  return std::move(schema.schema);
}

}  // namespace

// Its own inputs and output, if the template has a trainer. Half of one is a mistake.
std::optional<TemplateSchema> describe_train(const HostState& host, const dream_template& entry) {
  const bool described = has(entry, &dream_template::describe_train);
  const bool trains = has(entry, &dream_template::train);
  if (!described && !trains) return std::nullopt;
  if (described != trains)
    throw SdkError(DREAM_INTERNAL, "template '" + std::string(entry.name) + "': it has " +
                                       (trains ? "train, but not describe_train"
                                               : "describe_train, but not train"));
  return describe(host, entry, entry.describe_train);
}

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
      declared_(describe(host, entry_, entry_.describe)),
      declared_train_(describe_train(host, entry_)),
      schema_json_(declared_.to_json()) {
  schema_json_["name"] = name_;
  schema_json_["version"] = entry_.version;
  schema_json_["description"] = entry_.description;
  schema_json_["sdk"] = std::to_string(entry_.sdk_major) + "." + std::to_string(entry_.sdk_minor);
  schema_json_["path"] = path.native();
  if (has_healthcheck()) schema_json_["healthcheck"] = true;
  if (!declared_train_) return;
  schema_json_["train"] = declared_train_->to_json();
  schema_json_["train"].erase("max_concurrency");  // trainings count as runs of the template
}

void LoadedTemplate::create() {
  dream_setup setup{host_, name_};
  call([&] { return entry_.create(&host_, &setup, &self_); });
  created_ = true;
}

bool LoadedTemplate::has_single_output(Entry entry) const {
  if (entry == Entry::predict) return declared_.output_kind() == DREAM_SINGLE;
  return declared_train_ && declared_train_->output_kind() == DREAM_SINGLE;
}

void LoadedTemplate::run(Entry entry, RunRequest request, const Send& send,
                         const std::atomic<bool>& canceled) {
  if (!created_)
    throw SdkError(DREAM_INTERNAL, "template '" + name_ + "' was described, but not set up");
  const bool train = entry == Entry::train;
  if (train && !declared_train_)
    throw SdkError(DREAM_UNSUPPORTED, "template '" + name_ + "' has no trainer");
  const Turn turn(*this, canceled);
  if (canceled) throw SdkError(DREAM_CANCELED, "canceled");
  dream_run run(train ? *declared_train_ : declared_, std::move(request), send, canceled);
  try {
    call([&] { return (train ? entry_.train : entry_.run)(&host_, self_, &run); });
  } catch (const SdkError& error) {
    if (canceled && error.code() != DREAM_CANCELED)
      run.log("warning", std::string("failed after it was canceled: ") + error.what());
    if (!canceled && run.refused_template(error.what()))
      throw SdkError(DREAM_INTERNAL, error.what());
    if (!canceled) throw;
  }
  if (canceled) throw SdkError(DREAM_CANCELED, "canceled");
}

bool LoadedTemplate::has_healthcheck() const {
  return has(entry_, &dream_template::healthcheck);
}

void LoadedTemplate::healthcheck() const {
  if (!created_ || !has_healthcheck()) return;
  call([&] { return entry_.healthcheck(&host_, self_); });
}

void LoadedTemplate::destroy() noexcept {
  if (!created_) return;
  created_ = false;
  quietly([&] { entry_.destroy(&host_, self_); });
}

}  // namespace dream::worker
