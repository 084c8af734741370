// Bodies that are made while they are sent.
#include "connection.hpp"

namespace dream::host {
namespace {

using BodyStreamTest = ServerTest;

BodyPiece piece(std::string text, bool last = false) {
  return {std::make_shared<const std::string>(std::move(text)), last};
}

TEST_F(BodyStreamTest, ComesInChunksAndTheConnectionGoesOn) {
  serve([](const auto& exchange) {
    exchange->begin_stream({.status = 200, .content_type = "text/plain"},
                           [count = 0]() mutable { return piece("part", ++count == 3); });
  });
  Connection client(port);
  for (int i = 0; i < 2; ++i) client.ask("/stream");  // pipelined
  const std::string end = "4\r\npart\r\n0\r\n\r\n";
  const std::string got = client.read_until(end + "HTTP/1.1");
  EXPECT_TRUE(got.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_NE(got.find("transfer-encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(got.find("content-length"), std::string::npos);
  EXPECT_NE(got.find("\r\n\r\n4\r\npart\r\n4\r\npart\r\n" + end), std::string::npos) << got;
}

TEST_F(BodyStreamTest, IsOnlyAHeadForThoseWhoAskForOne) {
  serve([](const auto& exchange) {
    exchange->begin_stream({.status = 200}, [] { return piece("whole", true); });
  });
  Connection client(port);
  client.send("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  client.ask("/stream");
  const std::string got = client.read_until("0\r\n\r\n");
  EXPECT_NE(got.find("\r\n\r\nHTTP/1.1 200 OK\r\n"), std::string::npos) << got;
}

TEST_F(BodyStreamTest, EndsWithTheConnectionForOldClients) {
  serve([](const auto& exchange) {
    exchange->begin_stream({.status = 200}, [] { return piece("whole", true); });
  });
  Connection client(port);
  client.ask("/stream", "1.0");
  const std::string got = client.read_until("never");
  EXPECT_TRUE(got.ends_with("\r\n\r\nwhole")) << got;
  EXPECT_EQ(got.find("chunked"), std::string::npos);
}

TEST_F(BodyStreamTest, WaitsUntilItIsWokenAndSaysThatItLives) {
  std::shared_ptr<BodyStream> body;
  std::atomic<bool> ready = false;
  serve([&](const auto& exchange) {
    body = exchange->begin_stream({.status = 200}, [&] {
      return ready ? piece("at last", true) : BodyPiece{};
    });
    body->keep_alive("...", milliseconds(20));
  });
  Connection client(port);
  client.ask("/stream");
  client.read_until("3\r\n...\r\n3\r\n...\r\n");
  ready = true;
  boost::asio::post(io, [&] { body->wake(); });
  EXPECT_TRUE(client.read_until("0\r\n\r\n").ends_with("7\r\nat last\r\n0\r\n\r\n"));
}

TEST_F(BodyStreamTest, HearsThatTheClientHasGone) {
  std::atomic<bool> asked = false;
  std::atomic<bool> closed = false;
  serve([&](const auto& exchange) {
    const auto body = exchange->begin_stream({.status = 200}, [&] {
      asked = true;
      return BodyPiece{};
    });
    body->on_closed([&] { closed = true; });
  });
  Connection client(port);
  client.ask("/stream");
  wait_for(asked);
  EXPECT_FALSE(closed);
  client.close();
  wait_for(closed);
}

TEST_F(BodyStreamTest, AsksForNoMoreThanTheClientTakes) {
  std::atomic<int> pieces = 0;
  serve([&](const auto& exchange) {
    exchange->begin_stream({.status = 200},
                           [&] { return piece(std::string(1U << 20, 'x'), ++pieces == 100); });
  });
  Connection client(port, 4096);
  client.ask("/stream");
  int before = -1;
  while (pieces != before) {  // until nothing moves any more
    before = pieces;
    std::this_thread::sleep_for(milliseconds(200));
  }
  EXPECT_LT(pieces, 20);  // what the kernel's buffers hold
  const std::string got = client.read_until("\r\n0\r\n\r\n");
  EXPECT_EQ(pieces, 100);
  EXPECT_GT(got.size(), 100U << 20);
}

TEST_F(BodyStreamTest, AClientThatTakesNothingIsLeft) {
  std::atomic<bool> closed = false;
  HttpLimits limits;
  limits.progress = std::chrono::seconds(1);
  serve(
      [&](const auto& exchange) {
        const auto body = exchange->begin_stream(
            {.status = 200}, [] { return piece(std::string(1U << 20, 'x')); });
        body->on_closed([&] { closed = true; });
      },
      limits);
  Connection client(port, 4096);
  client.ask("/stream");
  wait_for(closed);
}

}  // namespace
}  // namespace dream::host
