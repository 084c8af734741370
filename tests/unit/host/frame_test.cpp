// Frames: whole, in pieces, and malformed.
#include "host/workers/frame.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace dream::host {
namespace {

using nlohmann::json;

TEST(Frame, ComesBackFromSingleBytes) {
  const std::string bytes = encode_frame({{"type", "a"}}) + encode_frame(7) + encode_frame("ü");
  FrameDecoder decoder;
  std::vector<json> messages;
  for (const char byte : bytes) {
    decoder.append(&byte, 1);
    while (auto message = decoder.next()) messages.push_back(*message);
  }
  EXPECT_EQ(messages, (std::vector<json>{{{"type", "a"}}, 7, "ü"}));
}

TEST(Frame, KeepsUpWithManyMessages) {
  FrameDecoder decoder;
  const std::string frame = encode_frame(std::string(100'000, 'x'));
  for (int i = 0; i < 50; ++i) decoder.append(frame.data(), frame.size());
  int count = 0;
  while (decoder.next()) ++count;
  EXPECT_EQ(count, 50);
}

TEST(Frame, InvalidUtf8IsReplacedNotThrown) {
  FrameDecoder decoder;
  const std::string frame = encode_frame("a\xFF");
  decoder.append(frame.data(), frame.size());
  EXPECT_EQ(decoder.next(), json("a\xEF\xBF\xBD"));
}

TEST(Frame, RefusesGarbage) {
  FrameDecoder too_long;
  too_long.append("\xFF\xFF\xFF\xFF", 4);
  EXPECT_THROW(too_long.next(), std::runtime_error);
  FrameDecoder no_json;
  no_json.append("\0\0\0\x02{]", 6);
  EXPECT_THROW(no_json.next(), std::exception);
  FrameDecoder empty;
  empty.append("\0\0\0\0", 4);
  EXPECT_THROW(empty.next(), std::exception);
}

}  // namespace
}  // namespace dream::host
