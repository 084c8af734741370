// What a connection does with clients that dawdle, break off or send what is no request.
#include "connection.hpp"

namespace dream::host {
namespace {

using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

struct SessionTest : ServerTest {
  void serve_length(HttpLimits limits = {}) {
    serve(
        [](const auto& exchange) {
          exchange->respond({200, "text/plain", std::to_string(exchange->request().body.size())});
        },
        limits);
  }
  // A byte now and then until the server has had enough; what it says then.
  static std::string trickle(Connection& client) {
    const auto end = Clock::now() + seconds(8);
    while (client.send("a") && Clock::now() < end) std::this_thread::sleep_for(milliseconds(100));
    return client.read_until("never");
  }
};

TEST_F(SessionTest, AHeadThatTakesTooLongIsTold) {
  serve_length({.header = seconds(1)});
  Connection client(port);
  client.send("POST /stream HTTP/1.1\r\nX: ");
  const auto begin = Clock::now();
  const std::string answer = client.read_until("within 1 s");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("the head of the request did not arrive within 1 s")) << answer;
  EXPECT_GE(Clock::now() - begin, milliseconds(900));
}

TEST_F(SessionTest, BytesDoNotBuyTimeForTheHead) {
  serve_length({.header = seconds(1)});
  Connection client(port);
  client.send("POST /stream HTTP/1.1\r\nX: ");
  const auto begin = Clock::now();
  trickle(client);
  EXPECT_LT(Clock::now() - begin, seconds(6));
}

TEST_F(SessionTest, ABodyThatPausesTooLongIsTold) {
  serve_length({.progress = seconds(1)});
  Connection client(port);
  client.send("POST /stream HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc");
  const std::string answer = client.read_until("within 1 s");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
  EXPECT_NE(answer.find("a byte of the body of the request"), std::string::npos) << answer;
}

TEST_F(SessionTest, ABodyThatNeverEndsIsTold) {
  serve_length({.progress = seconds(30), .body = seconds(1)});
  Connection client(port);
  client.send("POST /stream HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
  const auto begin = Clock::now();
  trickle(client);
  EXPECT_LT(Clock::now() - begin, seconds(6));
}

TEST_F(SessionTest, ASilentConnectionIsClosedWithoutAWord) {
  serve_length({.idle = seconds(1)});
  Connection client(port);
  EXPECT_EQ(client.read_until("never"), "");
}

TEST_F(SessionTest, AfterAnAnswerTheClockBeginsAnew) {
  serve_length({.header = seconds(1)});
  Connection client(port);
  client.ask("/stream");
  client.read_until("\r\n\r\n0");
  std::this_thread::sleep_for(milliseconds(1300));
  client.ask("/stream?again");
  EXPECT_TRUE(client.read_until("0HTTP/1.1 200 OK\r\n").find("408") == std::string::npos);
}

TEST_F(SessionTest, HeadsAndBodiesComeInAnyPieces) {
  serve_length();
  Connection client(port);
  const std::string request =
      "POST /stream HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\n\r\n";
  for (const char byte : request) ASSERT_TRUE(client.send(std::string(1, byte)));
  EXPECT_TRUE(client.read_until("\r\n\r\n8").ends_with("\r\n\r\n8"));
}

TEST_F(SessionTest, ABodyMayComeLongAfterItsHead) {
  serve_length();
  Connection client(port);
  client.send("POST /stream HTTP/1.1\r\nContent-Length: 3\r\n\r\n");
  std::this_thread::sleep_for(milliseconds(50));
  client.send("abc");
  EXPECT_TRUE(client.read_until("\r\n\r\n3").ends_with("\r\n\r\n3"));
}

TEST_F(SessionTest, LargeBodiesArriveWhole) {
  serve_length();
  Connection client(port);
  constexpr std::size_t size = 5U << 20;
  client.send("POST /stream HTTP/1.1\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
  client.send(std::string(size, 'x'));
  EXPECT_TRUE(client.read_until("5242880").ends_with("\r\n\r\n5242880"));
}

TEST_F(SessionTest, WhatIsNoRequestIsRefused) {
  serve_length({.header_bytes = 2000, .body_bytes = 1000});
  const std::pair<std::string, const char*> cases[] = {
      {"nonsense\r\n\r\n", "400"},
      {"GET /stream HTTP/1.1\r\nno colon\r\n\r\n", "400"},
      {"GET /stream HTTP/1.1\r\nX: " + std::string(4000, 'x'), "431"},
      {"POST /stream HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", "413"},
      {"POST /stream HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
      {"POST /stream HTTP/1.1\r\nContent-Length: 3\r\nExpect: wonders\r\n\r\n", "417"}};
  for (const auto& [request, status] : cases) {
    Connection client(port);
    client.send(request);
    const std::string answer = client.read_until("never");
    EXPECT_EQ(answer.substr(0, 12), std::string("HTTP/1.1 ") + status) << request;
    EXPECT_NE(answer.find("connection: close\r\n"), std::string::npos);
  }
}

TEST_F(SessionTest, AnAnswerThatComesLaterEndsTheReading) {
  std::atomic<bool> asked = false;
  std::shared_ptr<Exchange> waiting;
  serve([&](const auto& exchange) {
    waiting = exchange;
    asked = true;
  });
  Connection client(port);
  for (int i = 0; i < 2; ++i) {  // the second time bytes of the next request lie there
    asked = false;
    client.ask("/stream");
    wait_for(asked);
    if (i == 1) client.send("GET /str");
    std::this_thread::sleep_for(milliseconds(50));
    const std::string text = "answer " + std::to_string(i);
    boost::asio::post(io, [&] { std::exchange(waiting, nullptr)->respond({200, "x", text}); });
    EXPECT_TRUE(client.read_until(text).ends_with(text));
  }
  asked = false;
  client.send("eam HTTP/1.1\r\n\r\n");
  wait_for(asked);
  boost::asio::post(io, [&] { std::exchange(waiting, nullptr)->respond({200, "x", "last"}); });
  EXPECT_TRUE(client.read_until("last").ends_with("last"));
}

TEST_F(SessionTest, PipelinedBytesBeyondTheBoundWaitForTheAnswer) {
  std::atomic<int> asked = 0;
  std::shared_ptr<Exchange> waiting;
  serve([&](const auto& exchange) {
    if (++asked == 1)
      waiting = exchange;
    else
      exchange->respond({200, "x", "next"});
  });
  Connection client(port);
  client.ask("/stream");
  for (int i = 0; i < 20; ++i)  // more than is read ahead
    client.send("POST /stream HTTP/1.1\r\nContent-Length: 10000\r\n\r\n" +
                std::string(10000, 'x'));
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(asked, 1);
  boost::asio::post(io, [&] { std::exchange(waiting, nullptr)->respond({200, "x", "first"}); });
  client.read_until("first");
  for (int i = 0; i < 1000 && asked < 21; ++i) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(asked, 21);
}

TEST_F(SessionTest, AClientThatGoesIsNoticedWhileItsAnswerIsMade) {
  std::atomic<bool> asked = false;
  std::atomic<bool> gone = false;
  std::shared_ptr<Exchange> waiting;
  serve([&](const auto& exchange) {
    waiting = exchange;
    exchange->on_disconnect([&] { gone = true; });
    asked = true;
  });
  Connection client(port);
  client.ask("/stream");
  wait_for(asked);
  client.close();
  wait_for(gone);
}

}  // namespace
}  // namespace dream::host
