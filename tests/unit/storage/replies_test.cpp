// Idempotency keys, the outbox, files and shared settings.
#include "host/storage/replies.hpp"

#include "database_fixture.hpp"
#include "host/storage/blob_rows.hpp"
#include "host/storage/deliveries.hpp"
#include "host/storage/files.hpp"
#include "sample_training.hpp"

namespace dream::host {
namespace {

class RepliesTest : public DatabaseTest {
 protected:
  Replies::Begun begin(const std::string& fingerprint = "f", Micros patience = second,
                       Micros lifetime = 3600 * second, const std::string& subject = "s") {
    return replies_.begin("anna", "key", fingerprint, subject, patience, lifetime);
  }
  using Kind = Replies::Begun::Kind;
  Replies replies_{pool()};
};

TEST_P(RepliesTest, AnswersTheSameRequestOnce) {
  EXPECT_EQ(begin().kind, Kind::fresh);
  EXPECT_EQ(begin().kind, Kind::in_work);
  EXPECT_EQ(begin("g").kind, Kind::other);
  replies_.finish("anna", "key", 201, "{}");
  const auto reply = begin();
  EXPECT_EQ(reply.kind, Kind::answered);
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.body, "{}");
  EXPECT_EQ(begin("g").kind, Kind::other);
  EXPECT_EQ(replies_.begin("ben", "key", "g", "s", second, 3600 * second).kind, Kind::fresh);
}

TEST_P(RepliesTest, GoesOnWhereWhoBeganIsGone) {
  EXPECT_EQ(begin("f", second, 3600 * second, "first").kind, Kind::fresh);
  const auto again = begin("f", 0, 3600 * second, "second");
  EXPECT_EQ(again.kind, Kind::fresh);
  EXPECT_EQ(again.subject, "first");
}

TEST_P(RepliesTest, ForgetsWhatWasRefusedAndWhatIsOld) {
  begin();
  replies_.forget("anna", "key");
  EXPECT_EQ(begin("g").kind, Kind::fresh);
  replies_.finish("anna", "key", 201, "{}");
  replies_.forget("anna", "key");
  EXPECT_EQ(begin("g").kind, Kind::answered);
  EXPECT_EQ(begin("h", second, -1).kind, Kind::fresh);
}

TEST_P(RepliesTest, SharesSettings) {
  EXPECT_EQ(shared_setting(pool(), "secret", "one"), "one");
  EXPECT_EQ(shared_setting(pool(), "secret", "two"), "one");
}

TEST_P(RepliesTest, DeliversFromTheOutbox) {
  Deliveries deliveries(pool());
  EXPECT_FALSE(deliveries.claim("one", second));
  pool().transact([](sql::Database& database) {
    add_delivery(database, {"t", "http://example.com", "{}"});
  });
  auto delivery = deliveries.claim("one", 60 * second);
  ASSERT_TRUE(delivery);
  EXPECT_TRUE(delivery->id.starts_with("msg_"));
  EXPECT_EQ(delivery->attempt, 1);
  EXPECT_FALSE(deliveries.claim("two", second));
  deliveries.refused(*delivery, 503, "busy", now_micros() + 60 * second);
  EXPECT_FALSE(deliveries.claim("one", second));
  EXPECT_EQ(deliveries.about("t").at(0).last_status, 503);
  EXPECT_TRUE(deliveries.send_again("t"));
  delivery = deliveries.claim("one", -1);  // a lease that has run out already
  ASSERT_TRUE(delivery);
  deliveries.renew("one", 60 * second, {delivery->id});
  EXPECT_FALSE(deliveries.claim("two", second));
  deliveries.renew("one", -1, {});
  deliveries.renew("two", -1, {delivery->id});
  EXPECT_FALSE(deliveries.claim("two", second)) << "it is not one of those";
  deliveries.renew("one", -1, {delivery->id});
  const auto other = deliveries.claim("two", 60 * second);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->id, delivery->id);
  deliveries.delivered(*other, 200);
  deliveries.refused(*delivery, std::nullopt, "late", std::nullopt);
  EXPECT_EQ(deliveries.about("t").at(0).status, "delivered");
  EXPECT_FALSE(deliveries.claim("one", second));
  EXPECT_FALSE(deliveries.send_again("nobody"));
}

TEST_P(RepliesTest, DeliversInTheirOrderAndNotToThoseThatHaveEnough) {
  Deliveries deliveries(pool());
  const auto add = [&](const std::string& subject, const std::string& event,
                       const std::string& url, const std::string& body) {
    NewDelivery delivery{subject, url, body};
    delivery.event = event;
    pool().transact([&](sql::Database& database) { add_delivery(database, delivery); });
  };
  add("a", "start", "http://Slow.example:80/x?secret=1", "a1");
  add("a", "logs", "http://slow.example:80/x", "a2");
  add("a", "logs", "http://slow.example:80/x", "a3");  // tells all that a2 does
  add("a", "completed", "http://slow.example:80/x", "a4");
  add("b", "completed", "http://quick.example/y", "b1");
  const auto first = deliveries.claim("one", 60 * second);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->body, "a1");
  EXPECT_EQ(first->receiver, "slow.example:80");
  const auto quick = deliveries.claim("one", 60 * second);
  ASSERT_TRUE(quick);
  EXPECT_EQ(quick->body, "b1") << "the first about a is not done";
  EXPECT_FALSE(deliveries.claim("one", 60 * second));
  deliveries.refused(*first, 500, "no", std::nullopt);
  EXPECT_FALSE(deliveries.claim("one", 60 * second, {"quick.example", "slow.example:80"}));
  for (const char* body : {"a3", "a4"}) {
    const auto next = deliveries.claim("one", 60 * second, {"quick.example"});
    ASSERT_TRUE(next);
    EXPECT_EQ(next->body, body);
    deliveries.delivered(*next, 200);
  }
  EXPECT_TRUE(deliveries.send_again("a"));
  EXPECT_EQ(deliveries.claim("one", second)->body, "a4");
}

TEST(ReceiverTest, IsTheHostOfAUrl) {
  EXPECT_EQ(receiver_of("https://Example.com/a?b=http://c"), "example.com");
  EXPECT_EQ(receiver_of("http://user:secret@x:81?q"), "x:81");
  EXPECT_EQ(receiver_of("http://[::1]:5000#x"), "[::1]:5000");
}

TEST_P(RepliesTest, KnowsFiles) {
  Files files(pool());
  FileRecord file{.id = "f", .account = "anna", .purpose = "upload", .name = "data.zip",
                  .content_type = "application/zip", .created_at = now_micros()};
  files.add(file);
  EXPECT_FALSE(files.find("f")->sha256);
  EXPECT_THROW(files.set_content("f", std::string(64, 'a'), 42), BlobGone);
  announce_blob(pool(), {std::string(64, 'a'), 42}, 0);
  EXPECT_TRUE(files.set_content("f", std::string(64, 'a'), 42));
  EXPECT_FALSE(files.set_content("g", std::string(64, 'a'), 42));
  EXPECT_EQ(files.find("f")->bytes, 42);
  EXPECT_EQ(files.find("f")->name, "data.zip");
  EXPECT_EQ(files.bytes_of("anna"), 42);
  EXPECT_EQ(files.bytes_of("ben"), 0);
}

ON_BOTH_DATABASES(RepliesTest);

}  // namespace
}  // namespace dream::host
