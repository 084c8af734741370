"""Workers killed at random moments while predictions run: every accepted prediction comes to one
end, and one only, every webhook hears of it, the server goes on. 200 kills with DREAM_FULL."""

import collections
import os
import random
import signal
import threading
import time

import pytest
from harness import JSON, Receiver, wait_until

KILLS = 200 if os.environ.get("DREAM_FULL") else 20
ENDS = ("succeeded", "failed", "canceled")
MODES = {"shared": ["--concurrency", "3"],
         "slot": ["--concurrency", "3", "--isolation", "slot"]}


class Traffic:
    """Predictions without a pause, sync and async, some canceled; keeps what was accepted."""

    def __init__(self, server, url, seed):
        self.server, self.url = server, url
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
            identity = f"{number}-{count}"
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
                continue
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
    print(f"{mode}: {KILLS // len(MODES)} kills, {len(traffic.accepted)} accepted, "
          f"{traffic.refused} refused, {dict(outcomes)}")
    assert outcomes["failed"] > 0 and outcomes["succeeded"] > 0
    for body in by_id.values():
        assert body["status"] != "failed" or body["error"].startswith("Worker crashed: "), body
    assert server.process.poll() is None
