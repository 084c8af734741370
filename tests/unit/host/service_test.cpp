// Who comes in, who waits, who runs next, and what ends those that wait.
#include "host/predictions/service.hpp"

#include <stdexcept>

#include "pool_fixture.hpp"

namespace dream::host {
namespace {

using Refusal = PredictionService::Refusal;
using std::chrono::milliseconds;

class ServiceTest : public PoolTest {
 protected:
  ~ServiceTest() override { service.reset(); }

  void start_service() {
    start_pool();
    service = std::make_unique<PredictionService>(io, *pool, folder, service_options);
    turn_until(Health::ready);
  }

  PredictionRequest request(const std::string& id, const std::string& steps,
                            const std::string& name = "fake") {
    PredictionRequest request;
    request.id = id;
    request.template_name = name;
    request.resolved_input = script(steps);
    request.observers.push_back([this](const Snapshot& snapshot, const PredictionEvent& event) {
      if (event.kind == PredictionEvent::Kind::start) started.push_back(snapshot.id);
      if (event.kind == PredictionEvent::Kind::completed) ended.push_back(snapshot.id);
    });
    return request;
  }

  // Null if it was refused, with `why`.
  std::shared_ptr<Prediction> create(const std::string& id, const std::string& steps,
                                     const std::string& name = "fake") {
    const auto created = service->create(request(id, steps, name));
    why = created.refusal;
    return created.prediction;
  }

  void turn_until_end(const Prediction& prediction) {
    turn_until([&] { return is_terminal(prediction.snapshot().status); });
  }

  static constexpr char waits[] = R"([["wait_cancel"]])";
  static constexpr char works[] = R"([["output", 1]])";
  ServiceOptions service_options;
  std::unique_ptr<PredictionService> service;
  std::vector<std::string> started;
  std::vector<std::string> ended;
  Refusal why = Refusal::none;
};

TEST_F(ServiceTest, WithoutAQueueTheBusyServerRefuses) {
  start_service();
  const auto first = create("first", waits);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(create("second", works), nullptr);
  EXPECT_EQ(why, Refusal::busy);
  service->cancel("first");
  turn_until_end(*first);
  EXPECT_NE(create("second", works), nullptr);
}

TEST_F(ServiceTest, WhoIsTakenInIsKnownBeforeItStarts) {
  start_service();
  std::vector<std::string> known;
  const auto order = [&](const std::string& id) {
    PredictionRequest watched = request(id, waits);
    watched.taken_in = [&known, this](const Snapshot& snapshot) {
      known.push_back(snapshot.id + " " + std::string(to_string(snapshot.status)));
      EXPECT_TRUE(started.empty());
    };
    return watched;
  };
  const auto first = service->create(order("first")).prediction;
  EXPECT_EQ(service->create(order("second")).refusal, Refusal::busy);
  EXPECT_EQ(known, (std::vector<std::string>{"first starting"}));
  EXPECT_EQ(started, (std::vector<std::string>{"first"}));
}

TEST_F(ServiceTest, TheQueueIsServedInOrder) {
  service_options.queue = 3;
  start_service();
  const auto first = create("0", waits);
  std::vector<std::shared_ptr<Prediction>> queued;
  for (const char* id : {"1", "2", "3"}) queued.push_back(create(id, works));
  EXPECT_EQ(create("4", works), nullptr);
  EXPECT_EQ(why, Refusal::busy);
  EXPECT_EQ(service->load().waiting, 3U);
  EXPECT_EQ(service->load().running, 1U);
  EXPECT_EQ(queued[0]->snapshot().status, Status::starting);
  EXPECT_EQ(queued[0]->snapshot().logs, "In the queue: it is the next one.\n");
  EXPECT_EQ(queued[2]->snapshot().logs, "In the queue: 2 before it.\n");
  EXPECT_EQ(service->find("3"), queued[2]);
  service->cancel("0");
  turn_until_end(*queued[2]);
  EXPECT_EQ(started, (std::vector<std::string>{"0", "1", "2", "3"}));
  EXPECT_EQ(ended, (std::vector<std::string>{"0", "1", "2", "3"}));
  EXPECT_EQ(queued[2]->snapshot().status, Status::succeeded);
  EXPECT_EQ(queued[2]->snapshot().logs,
            "In the queue: 2 before it.\nIn the queue: 1 before it.\nIn the queue: it is the next "
            "one.\n");
  EXPECT_EQ(service->load().waiting + service->load().running, 0U);
  EXPECT_GT(queued[2]->snapshot().stages.queue_s.value_or(0), 0);
  EXPECT_FALSE(first->snapshot().stages.queue_s.has_value()) << "it did not wait";
}

TEST_F(ServiceTest, ATemplateAtItsLimitHoldsUpNoOther) {
  options.weights = "pair";  // "fake" runs once at a time, "other" eight times
  options.slots = 3;
  start_service();
  const auto first = create("a", waits);
  EXPECT_EQ(create("b", works), nullptr) << "slots are free, but not for this template";
  EXPECT_EQ(why, Refusal::busy);
  EXPECT_NE(create("c", waits, "other"), nullptr);
  EXPECT_NE(create("d", waits, "other"), nullptr);
  EXPECT_EQ(create("e", works, "other"), nullptr);
}

TEST_F(ServiceTest, TheQueueGoesRoundOneThatIsHeldUp) {
  options.weights = "pair";
  options.slots = 2;
  service_options.queue = 2;
  start_service();
  const auto first = create("a", waits);
  const auto held_up = create("b", works);
  const auto other = create("c", works, "other");
  EXPECT_EQ(started, (std::vector<std::string>{"a", "c"}));
  turn_until_end(*other);
  service->cancel("a");
  turn_until_end(*held_up);
  EXPECT_EQ(started, (std::vector<std::string>{"a", "c", "b"}));
}

TEST_F(ServiceTest, APlaceIsKeptWhileInputsCome) {
  options.weights = "pair";
  options.slots = 3;
  start_service();
  auto order = request("a", works);
  const auto prepared = service->accept(order).prediction;
  ASSERT_NE(prepared, nullptr);
  EXPECT_EQ(service->load().preparing, 1U);
  EXPECT_EQ(create("b", works), nullptr) << "the one place of this template is taken";
  EXPECT_NE(create("c", waits, "other"), nullptr);
  service->release(prepared, std::move(order.resolved_input));
  turn_until_end(*prepared);
  EXPECT_EQ(prepared->snapshot().status, Status::succeeded);
}

TEST_F(ServiceTest, WhoStillPreparesIsOvertaken) {
  service_options.queue = 1;
  start_service();
  auto order = request("slow", works);
  const auto slow = service->accept(order).prediction;
  const auto quick = create("quick", works);
  turn_until_end(*quick);
  EXPECT_EQ(slow->snapshot().status, Status::starting);
  service->cancel("slow");
  EXPECT_EQ(slow->snapshot().status, Status::canceled);
  service->release(slow, std::move(order.resolved_input));
  EXPECT_EQ(started, std::vector<std::string>{"quick"});
}

TEST_F(ServiceTest, ACancelEndsOneThatWaitsAtOnce) {
  service_options.queue = 2;
  start_service();
  const auto first = create("a", waits);
  const auto second = create("b", works);
  const auto third = create("c", works);
  EXPECT_TRUE(service->cancel("b"));
  EXPECT_EQ(second->snapshot().status, Status::canceled);
  EXPECT_FALSE(second->snapshot().started_at.has_value());
  EXPECT_FALSE(service->cancel("b"));
  EXPECT_NE(create("d", works), nullptr) << "its place is free";
  service->cancel_all("Canceled: a test.");
  EXPECT_EQ(third->snapshot().status, Status::canceled);
  turn_until_end(*first);
  EXPECT_EQ(first->snapshot().status, Status::canceled);
}

TEST_F(ServiceTest, TheQueueWaitsForAWorkerToComeBack) {
  service_options.queue = 2;
  options.respawn_delay = milliseconds(50);
  start_service();
  const auto first = create("a", R"([["die", "SIGKILL"]])");
  const auto second = create("b", works);
  turn_until_end(*first);
  EXPECT_EQ(pool->health(), Health::starting);
  const auto third = create("c", works);
  ASSERT_NE(third, nullptr);
  EXPECT_EQ(create("d", works), nullptr);
  EXPECT_EQ(why, Refusal::busy);
  turn_until_end(*third);
  EXPECT_EQ(second->snapshot().status, Status::succeeded);
  EXPECT_EQ(third->snapshot().status, Status::succeeded);
}

TEST_F(ServiceTest, WithoutAQueueADeadWorkerTakesNoOrders) {
  start_service();
  const auto first = create("a", R"([["die", "SIGKILL"]])");
  turn_until_end(*first);
  EXPECT_EQ(create("b", works), nullptr);
  EXPECT_EQ(why, Refusal::not_ready);
}

TEST_F(ServiceTest, WhoWaitsFailsWhenNoWorkerIsLeft) {
  options.weights = "once:" + (folder / "flag").string();
  options.max_respawns = 1;
  service_options.queue = 2;
  start_service();
  const auto first = create("a", R"([["die", "SIGKILL"]])");
  const auto second = create("b", works);
  turn_until(Health::defunct);
  turn_until_end(*second);
  EXPECT_EQ(second->snapshot().status, Status::failed);
  EXPECT_NE(second->snapshot().error.find("no worker is left"), std::string::npos);
  EXPECT_EQ(create("c", works), nullptr);
  EXPECT_EQ(why, Refusal::not_ready);
}

TEST_F(ServiceTest, ARunThatTakesTooLongFails) {
  service_options.run_limit = milliseconds(60);
  start_service();
  const auto slow = create("slow", waits);
  turn_until_end(*slow);
  EXPECT_EQ(slow->snapshot().status, Status::failed);
  EXPECT_EQ(slow->snapshot().error, "the run did not end within 0.06 s, the server's limit");
  const auto quick = create("quick", works);
  turn_until_end(*quick);
  EXPECT_EQ(quick->snapshot().status, Status::succeeded);
}

TEST_F(ServiceTest, CancelAfterCountsTimeInTheQueueToo) {
  service_options.queue = 1;
  start_service();
  const auto first = create("first", waits);
  auto order = request("late", works);
  order.cancel_after = milliseconds(50);
  const auto late = service->create(std::move(order)).prediction;
  turn_until_end(*late);
  EXPECT_EQ(late->snapshot().status, Status::canceled);
  EXPECT_FALSE(late->snapshot().started_at.has_value());
  EXPECT_NE(late->snapshot().logs.find("within 0.05 s, its Cancel-After."), std::string::npos);
  EXPECT_EQ(first->snapshot().status, Status::processing);
}

TEST_F(ServiceTest, CancelAfterEndsARunToo) {
  start_service();
  auto order = request("late", waits);
  order.cancel_after = milliseconds(50);
  const auto late = service->create(std::move(order)).prediction;
  turn_until_end(*late);
  EXPECT_EQ(late->snapshot().status, Status::canceled);
  EXPECT_TRUE(late->snapshot().started_at.has_value());
}

TEST_F(ServiceTest, TheYoungestOfSeveralWithOneIdIsMeant) {
  options.slots = 2;
  start_service();
  const auto older = create("same", waits);
  const auto younger = create("same", waits);
  EXPECT_EQ(service->find("same"), younger);
  service->cancel("same");
  turn_until_end(*younger);
  EXPECT_EQ(service->find("same"), older);
  service->cancel("same");
  turn_until_end(*older);
  EXPECT_EQ(service->find("same"), nullptr);
}

TEST_F(ServiceTest, IdsAreNotPathsAndFilesGo) {
  start_service();
  auto prediction = create("../../etc/passwd", R"([["file", "a.txt", "x"]])");
  turn_until_end(*prediction);
  const auto own = prediction->folder();
  EXPECT_EQ(own.parent_path(), folder);
  EXPECT_TRUE(std::filesystem::exists(own / "a.txt"));
  EXPECT_EQ(std::filesystem::status(own).permissions(), std::filesystem::perms::owner_all);
  prediction.reset();
  EXPECT_FALSE(std::filesystem::exists(own));
}

TEST_F(ServiceTest, WithoutFilesThereIsNoFolder) {
  start_service();
  const auto prediction = create("x", works);
  turn_until_end(*prediction);
  EXPECT_FALSE(std::filesystem::exists(prediction->folder()));
}

TEST_F(ServiceTest, ATemplateThatIsNotServedIsNamed) {
  start_service();
  EXPECT_THROW(service->create(request("x", works, "none")), std::invalid_argument);
}

TEST_F(ServiceTest, AnInputThatFitsNoMessageFails) {
  start_service();
  auto order = request("long", works);
  order.resolved_input["text"] = std::string(130U << 20, 'x');
  const auto prediction = service->create(std::move(order)).prediction;
  ASSERT_NE(prediction, nullptr);
  turn_until_end(*prediction);
  EXPECT_EQ(prediction->snapshot().status, Status::failed);
  EXPECT_NE(prediction->snapshot().error.find("over the frame limit"), std::string::npos);
  EXPECT_NE(create("next", works), nullptr);
}

}  // namespace
}  // namespace dream::host
