// dream.annotator/1 at the C line: what an annotator computes lies in imaging/annotators.
#include "host/worker/imaging/annotators/annotator.hpp"

#include <dream/abi/annotator.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "host/worker/sdk_host/host_state.hpp"
#include "host/worker/sdk_host/image.hpp"
#include "host/worker/sdk_host/interfaces.hpp"
#include "host/worker/sdk_host/run.hpp"
#include "host/worker/sdk_host/status.hpp"
#include "host/worker/sdk_host/values.hpp"

struct dream_annotator {
  std::unique_ptr<dream::worker::imaging::Annotator> annotator;
};

namespace dream::worker {
namespace {

const char* const* names(const dream_host*) noexcept {
  static const auto list = [] {
    std::vector<const char*> all;
    for (const auto& kind : imaging::annotator_kinds()) all.push_back(kind.name);
    all.push_back(nullptr);
    return all;
  }();
  return list.data();
}

dream_status* open(dream_setup* setup, dream_str name, dream_annotator** annotator) noexcept {
  return guarded([&] {
    checked(annotator, "annotator") = nullptr;
    auto& networks = checked(setup, "setup").host.networks;
    try {
      auto opened = std::make_unique<dream_annotator>();
      opened->annotator = imaging::make_annotator(view(name, "name of an annotator"), networks);
      *annotator = opened.release();
    } catch (const engine::InvalidInput& unknown) {
      throw SdkError(DREAM_UNSUPPORTED, unknown.what());
    }
  });
}

void close(dream_annotator* annotator) noexcept {
  delete annotator;
}

nlohmann::json parse_settings(std::string_view text) {
  if (text.empty()) return nullptr;
  const dream_str json = to_str(text);
  dream_value value{};
  value.struct_size = sizeof value;
  value.type = DREAM_JSON;
  value.as.string = json;
  return to_json(&value, "settings of an annotator");
}

void check_canceled(const RunState& run) {
  if (run.canceled()) throw SdkError(DREAM_CANCELED, "canceled");
}

dream_status* annotate(dream_annotator* annotator, dream_run* run, const dream_image* image,
                       dream_str settings, dream_image** map) noexcept {
  return guarded([&] {
    checked(map, "map") = nullptr;
    const imaging::Annotator& worker = *checked(annotator, "annotator").annotator;
    const engine::Picture& picture = checked(image, "image").picture;
    const RunState& state = checked(run, "run");
    const nlohmann::json json = parse_settings(view(settings, "settings of an annotator"));
    check_canceled(state);
    auto drawn = worker.annotate(engine::convert(picture, 3), json);
    check_canceled(state);
    *map = make_image(std::move(drawn));
  });
}

}  // namespace

const dream_annotator_1& annotator_interface() {
  static constexpr dream_annotator_1 table = {
      sizeof(dream_annotator_1), 0, names, open, close, annotate};
  return table;
}

}  // namespace dream::worker
