// Arbitrary messages, one a line, from a worker to the slot that runs its prediction. A message is
// refused with an exception (the worker is then ended) or changes the prediction by the rules: one
// start, one end at most, and a state that can be shown at any time.
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "host/base/logging.hpp"
#include "host/cog/json_text.hpp"
#include "host/cog/render.hpp"
#include "host/workers/slot.hpp"

namespace {

using namespace dream::host;

void require(bool holds) {
  if (!holds) std::abort();
}

// As the pool does it; true when the run is over.
bool hand_over(Slot& slot, const nlohmann::json& message) {
  if (slot.on_message(message) != Slot::Said::done) return false;
  const auto ended = slot.take_prediction({});
  slot.release();
  ended.prediction->end(ended.outcome);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool quiet = (set_up_logging(LogFormat::json, "error"), true);
  require(quiet);
  boost::asio::io_context io;
  Slot slot(io, OutputLimits{.value_bytes = 1U << 20});
  const auto prediction = std::make_shared<Prediction>(Snapshot{.id = "p"}, "");
  int ends = 0;
  PredictionRenderer renderer;
  prediction->observe([&](const Snapshot& snapshot, const PredictionEvent& event) {
    if (event.kind == PredictionEvent::Kind::completed) ++ends;
    static_cast<void>(nlohmann::json::parse(compact(renderer.render(snapshot))));
  });
  prediction->conceal({"hush"});
  slot.begin(prediction);
  prediction->start();
  std::string_view text(reinterpret_cast<const char*>(data), size);
  bool over = false;
  while (!text.empty() && !over) {
    const std::size_t end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const auto message = nlohmann::json::parse(line, nullptr, false);
    if (message.is_discarded()) continue;
    try {
      over = hand_over(slot, message);
    } catch (const std::exception&) {
      break;  // the worker would be ended now
    }
  }
  const Snapshot& last = prediction->snapshot();
  require(ends == (over ? 1 : 0) && is_terminal(last.status) == over);
  require(last.logs.find("hush") == std::string::npos);
  require(slot.is_free() == over);
  return 0;
}
