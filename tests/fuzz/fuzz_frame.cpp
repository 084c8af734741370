// Arbitrary bytes between host and worker, whole and in two pieces: both must give the same
// messages, and messages must survive being sent on.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "host/workers/frame.hpp"

namespace {

struct Decoded {
  std::vector<nlohmann::json> messages;
  bool broken = false;
  bool operator==(const Decoded&) const = default;
};

void take(dream::host::FrameDecoder& decoder, Decoded& decoded) {
  if (decoded.broken) return;
  try {
    while (auto message = decoder.next()) decoded.messages.push_back(std::move(*message));
  } catch (const std::runtime_error&) {
    decoded.broken = true;
  } catch (const nlohmann::json::exception&) {
    decoded.broken = true;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const char* bytes = reinterpret_cast<const char*>(data);
  dream::host::FrameDecoder whole, pieces;
  Decoded one, two;
  whole.append(bytes, size);
  take(whole, one);
  const std::size_t half = size == 0 ? 0 : data[0] % size;
  pieces.append(bytes, half);
  take(pieces, two);
  pieces.append(bytes + half, size - half);
  take(pieces, two);
  if (!(one == two)) std::abort();
  for (const auto& message : one.messages) {
    dream::host::FrameDecoder copy;
    const std::string frame = dream::host::encode_frame(message);
    copy.append(frame.data(), frame.size());
    if (copy.next() != message) std::abort();
  }
  return 0;
}
