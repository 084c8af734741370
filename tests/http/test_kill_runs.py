"""Workers killed at random moments while predictions run: every accepted prediction comes to one
end, and one only, every webhook hears of it, the server goes on. Whole hosts killed and started on
their state directory: the same. 200 and 50 kills with DREAM_FULL."""

import collections
import http.client
import json
import os
import random
import signal
import threading
import time

import pytest
from harness import JSON, Receiver, wait_until
from report import add_to_report
from signatures import new_secret, problem_of

KILLS = 200 if os.environ.get("DREAM_FULL") else 20
HOST_KILLS = 50 if os.environ.get("DREAM_FULL") else 5
ENDS = ("succeeded", "failed", "canceled")
MODES = {"shared": ["--concurrency", "3"],
         "slot": ["--concurrency", "3", "--isolation", "slot"]}


class Traffic:
    """Predictions without a pause, sync and async, some canceled; keeps what was accepted.
    `server` may be replaced; then requests to the one before may find nobody."""

    def __init__(self, server, url, seed, hosts_die=False):
        self.server, self.url, self.hosts_die = server, url, hosts_die
        self.chance = random.Random(seed)
        self.accepted, self.refused, self.answers = [], 0, {}
        self.stop = False
        self.threads = [threading.Thread(target=self.drive, args=[number]) for number in range(4)]
        for thread in self.threads:
            thread.start()

    def drive(self, number):
        for count in range(100_000):
            if self.stop:
                return
            try:
                self.request(f"{number}-{count}")
            except (OSError, http.client.HTTPException):
                if not self.hosts_die:
                    raise
                time.sleep(0.02)

    def request(self, identity):
        template = self.chance.choice(("sleeper", "counter"))
        inputs = ({"seconds": self.chance.choice((0, 0.05, 0.2))} if template == "sleeper"
                  else {"count": 3, "delay_ms": 20})
        background = self.chance.random() < 0.5
        answer = self.server.post(
            f"/templates/{template}/predictions",
            {"id": identity, "input": inputs, "webhook": self.url},
            headers={**JSON, **({"Prefer": "respond-async"} if background else {})})
        if answer.status in (409, 503):
            self.refused += 1
            time.sleep(0.02)
            return
        assert answer.status == (202 if background else 200), answer
        self.accepted.append(identity)
        if not background:
            self.answers[identity] = answer.json
        elif self.chance.random() < 0.2:
            self.server.post(f"/predictions/{identity}/cancel")

    def end(self):
        self.stop = True
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a request without an answer"


def kill_workers(server, chance):
    """Each time at a random moment of a worker's life that has begun: one killed in its set-up only
    makes the next one come later."""
    for _ in range(KILLS // len(MODES)):
        server.wait_for("READY", "BUSY", limit_s=60)
        time.sleep(chance.random() * 0.4)
        try:
            os.kill(chance.choice(server.workers()), signal.SIGKILL)
        except (ProcessLookupError, IndexError):
            pass


@pytest.mark.parametrize("mode", MODES)
def test_every_prediction_comes_to_one_end(serve, mode):
    server = serve("sleeper", "counter",
                   args=[*MODES[mode], "--queue", "6", "--max-respawns", "10000"])
    seed = 20 + len(mode)
    with Receiver() as receiver:
        traffic = Traffic(server, receiver.url, seed)
        kill_workers(server, random.Random(seed))
        traffic.end()
        server.wait_for("READY", limit_s=60)
        wait_until(lambda: len({body["id"] for body in list(receiver.bodies)
                                if body["status"] in ENDS}) >= len(traffic.accepted),
                   60, "the terminal webhook of each")
        assert server.predict({"seconds": 0}).json["status"] == "succeeded"
        ends = collections.Counter(body["id"] for body in receiver.bodies
                                   if body["status"] in ENDS and body["completed_at"])
        by_id = {body["id"]: body for body in receiver.bodies if body["status"] in ENDS}
    assert ends.keys() == set(traffic.accepted)
    assert set(ends.values()) == {1}
    for identity, answer in traffic.answers.items():
        assert answer == by_id[identity]
    outcomes = collections.Counter(body["status"] for body in by_id.values())
    add_to_report("faults", f"{KILLS // len(MODES)} workers killed (--isolation {mode}) under "
                            f"{len(traffic.accepted)} predictions: one end and one webhook each; "
                            f"{dict(outcomes)}, {traffic.refused} more refused")
    assert outcomes["failed"] > 0 and outcomes["succeeded"] > 0
    for body in by_id.values():
        assert body["status"] != "failed" or body["error"].startswith("Worker crashed: "), body
    assert server.process.poll() is None


def kill_hosts(traffic, chance, start):
    """Each time at a random moment, that of its start-up too, with a new one in its place."""
    for _ in range(HOST_KILLS):
        if chance.random() < 0.8:
            traffic.server.wait_for("READY", "BUSY", limit_s=60)
        time.sleep(chance.random() * 0.5)
        traffic.server.process.kill()
        traffic.server.wait_exit()
        traffic.server = start()


def test_every_webhook_hears_of_the_end_though_hosts_are_killed(serve, tmp_path):
    secret = new_secret()

    def start():
        server = serve("sleeper", "counter", wait=None, env={"WEBHOOK_SIGNING_SECRET": secret},
                       args=["--concurrency", "3", "--queue", "6", "--state-dir", str(tmp_path)])
        server.wait_listening()
        return server

    chance = random.Random(7)
    with Receiver() as receiver:
        traffic = Traffic(start(), receiver.url, 7, hosts_die=True)
        kill_hosts(traffic, chance, start)
        traffic.server.wait_for("READY", "BUSY", limit_s=60)
        time.sleep(0.5)
        traffic.end()
        ends = lambda: {body["id"] for body in list(receiver.bodies) if body["status"] in ENDS}
        wait_until(lambda: ends() >= {body["id"] for body in list(receiver.bodies)}
                   | set(traffic.accepted), 60, "the terminal webhook of each")
        traffic.server.post("/shutdown")
        assert traffic.server.wait_exit() == 0
        assert "left in the outbox" not in traffic.server.log()
    last = collections.defaultdict(set)  # a delivery may come twice; it is then the same one
    for headers, text, body in zip(receiver.headers, receiver.texts, receiver.bodies):
        if body["status"] in ENDS:
            last[body["id"]].add((headers["webhook-id"], text))
    assert {len(deliveries) for deliveries in last.values()} == {1}
    bodies = {identity: json.loads(text) for identity, [(_, text)] in last.items()}
    for identity, answer in traffic.answers.items():
        assert answer == bodies[identity]
    assert problem_of(secret, *receiver.deliveries()) == ""
    errors = collections.Counter(body["error"] for body in bodies.values()
                                 if body["status"] == "failed")
    add_to_report("faults", f"{HOST_KILLS} hosts killed under {len(traffic.accepted)} predictions: "
                            f"the webhook of each one's end, {sum(errors.values())} of them failed "
                            "with their host")
    assert set(errors) == {"the server was stopped while this prediction ran or waited"}
