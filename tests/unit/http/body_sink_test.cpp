// Bodies that go to a sink piece by piece: whole, bounded, and dropped when they do not come whole.
#include "connection.hpp"

#include "host/http/body_sink.hpp"

namespace dream::host {
namespace {

struct Kept {
  std::string bytes;
  std::atomic<int> open = 0;
};

// Holds no more than `limit`, and breaks when it is told "break".
class KeepingSink : public BodySink {
 public:
  KeepingSink(Kept& kept, std::uint64_t limit) : kept_(kept), limit_(limit) { ++kept_.open; }
  ~KeepingSink() override { --kept_.open; }
  std::uint64_t limit() const override { return limit_; }
  void write(std::string_view bytes) override {
    if (bytes.find("break") != std::string_view::npos) throw std::runtime_error("a full disk");
    kept_.bytes += bytes;
  }

 private:
  Kept& kept_;
  std::uint64_t limit_;
};

struct BodySinkTest : ServerTest {
  void serve_uploads() {
    router.add_upload(
        "PUT", "/up/{name}",
        [this](const Request& head) -> std::shared_ptr<BodySink> {
          if (head.parameters.at("name") == "no") return nullptr;
          return std::make_shared<KeepingSink>(kept, 1000);
        },
        [this](const std::shared_ptr<Exchange>& exchange) {
          const Request& request = exchange->request();
          const std::string text = request.sink ? "kept " + std::to_string(kept.bytes.size())
                                                : "refused " + request.body;
          exchange->respond({200, "text/plain", text});
        });
    serve([](const auto& exchange) { exchange->respond({200, "text/plain", "plain"}); },
          {.body_bytes = 100});
  }
  std::string put(const std::string& path, const std::string& rest, const std::string& end) {
    Connection client(port);
    client.send("PUT " + path + " HTTP/1.1\r\nHost: x\r\n" + rest);
    return client.read_until(end);
  }
  void expect_none_open() {
    for (int i = 0; i < 500 && kept.open != 0; ++i) std::this_thread::sleep_for(milliseconds(10));
    EXPECT_EQ(kept.open, 0);
  }

  Kept kept;
};

TEST_F(BodySinkTest, TakesBodiesThatMemoryWouldNot) {
  serve_uploads();
  const std::string body(1000, 'a');
  put("/up/x", "Content-Length: 1000\r\n\r\n" + body, "kept 1000");
  EXPECT_EQ(kept.bytes, body);
  expect_none_open();
}

TEST_F(BodySinkTest, TakesChunks) {
  serve_uploads();
  put("/up/x", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n", "kept 8");
  EXPECT_EQ(kept.bytes, "helloabc");
}

TEST_F(BodySinkTest, ChunksWinOverALengthAndEndTheConnection) {
  serve_uploads();
  const std::string chunks = "5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n";
  const std::string next = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const char* head : {"Content-Length: 8\r\nTransfer-Encoding: chunked\r\n\r\n",
                           "transfer-encoding:Chunked\r\ncontent-length: 3\r\n\r\n"}) {
    kept.bytes.clear();
    Connection client(port);
    client.send("PUT /up/x HTTP/1.1\r\nHost: x\r\n" + (head + chunks) + next);
    const std::string answers = client.read_until("\r\n\r\nplain");
    EXPECT_NE(answers.find("kept 8"), std::string::npos) << answers;
    EXPECT_EQ(answers.find("\r\n\r\nplain"), std::string::npos) << answers;
    EXPECT_EQ(kept.bytes, "helloabc");
  }
  for (const char* head : {"Content-Length: 8\r\nContent-Length: 8\r\n"
                           "Transfer-Encoding: chunked\r\n",
                           "Content-Length: 8\r\nTransfer-Encoding: gzip\r\n",
                           "Content-Length: 8\r\nTransfer-Encoding: chunked, gzip\r\n",
                           "Content-Length: 8\r\nTransfer-Encoding: chunked\r\n"
                           "Transfer-Encoding: chunked\r\n"}) {
    EXPECT_NE(put("/up/x", std::string(head) + "\r\n" + chunks, "\r\n\r\n").find(" 400 "),
              std::string::npos)
        << head;
  }
}

TEST_F(BodySinkTest, IsBounded) {
  serve_uploads();
  EXPECT_NE(put("/up/x", "Content-Length: 1001\r\n\r\n", "exceeded").find(" 413 "),
            std::string::npos);
  const std::string chunk = "1f4\r\n" + std::string(500, 'a') + "\r\n";
  EXPECT_NE(put("/up/x", "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk + chunk, "exceeded")
                .find(" 413 "),
            std::string::npos);
  // Bodies of other routes are as bounded as before.
  EXPECT_NE(put("/up/no", "Content-Length: 101\r\n\r\n", "exceeded").find(" 413 "),
            std::string::npos);
  put("/up/no", "Content-Length: 2\r\n\r\nhi", "refused hi");
  expect_none_open();
}

TEST_F(BodySinkTest, TellsWhatCannotBeStored) {
  serve_uploads();
  EXPECT_NE(put("/up/x", "Content-Length: 5\r\n\r\nbreak", "\r\n\r\n").find(" 507 "),
            std::string::npos);
  expect_none_open();
}

TEST_F(BodySinkTest, DropsWhatDoesNotComeWhole) {
  serve_uploads();
  {
    Connection client(port);
    client.send("PUT /up/x HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf");
    while (kept.open == 0) std::this_thread::sleep_for(milliseconds(5));
  }
  expect_none_open();
}

}  // namespace
}  // namespace dream::host
