"""Platforms that are killed at any moment: all trainings end, none twice, no webhook is lost."""

import collections
import os
import random
import signal
import time

import pytest
from harness import wait_until

from images import make_weights
from platforms import TERMINAL, Platform

FULL = os.environ.get("DREAM_FULL") == "1"
KILLS = 100 if FULL else 6
BATCH = 40 if FULL else 8


def ended(platform, made):
    try:
        return all(platform.training(identity)["status"] in TERMINAL for identity in made)
    except OSError:
        return False


def check(platform, made, trainer, receiver):
    for identity in made:
        training = platform.training(identity)
        assert training["status"] == "succeeded", training
        # One end, one webhook; a receiver that was told twice was told the same.
        wait_until(lambda: receiver.of(identity), 60, f"the webhook of {identity}")
        ids = {headers["webhook-id"] for headers, body in zip(receiver.headers, receiver.bodies)
               if body["id"] == identity}
        assert len(ids) == 1, training
        assert {body["version"] for body in receiver.of(identity)} == {training["version"]}
    done = collections.Counter(i for i, status in trainer.outcomes if status == "succeeded")
    assert set(done.values()) == {1}, "a training was done twice although its trainer lived"


def create_all(platform, receiver, count):
    made = []
    for i in range(count):
        if i % 4 == 3:
            made.append(platform.create(
                weights=platform.upload(make_weights(str(i)), "output.zip"),
                webhook_completed=receiver.url))
        else:
            made.append(platform.create(
                input={"instance_prompt": f"photo {i}", "seconds": random.uniform(0.2, 2),
                       **({"instance_data": platform.upload()} if i % 2 else {})},
                webhook_completed=receiver.url))
    return made


def test_one_platform_that_is_killed(tmp_path, trainer, template, database, receiver):
    random.seed(8)
    with Platform(tmp_path / "data", trainer=trainer.url, template=template, database=database,
                  args=["--trainings-at-once", "4"]) as platform:
        made = create_all(platform, receiver, BATCH)
        for _ in range(KILLS):
            time.sleep(random.uniform(0.1, 1.5))
            platform.end(signal.SIGKILL)
            platform.start()
        wait_until(lambda: ended(platform, made), 240, "the end of all trainings")
        runs = [identity for identity in made if identity in trainer.begun]
        assert len(runs) == len([i for i in range(BATCH) if i % 4 != 3])
        check(platform, made, trainer, receiver)


def test_three_platforms_that_are_killed(tmp_path, trainer, template, cluster, receiver):
    random.seed(9)
    database = cluster.new_database()
    common = {"trainer": trainer.url, "template": template, "database": database,
              "args": ["--trainings-at-once", "2"]}
    # All on one machine here, so they share the folder of blobs.
    first = Platform(tmp_path / "data", **common)
    with first, Platform(tmp_path / "data", **common) as second, \
            Platform(tmp_path / "data", **common) as third:
        platforms = [first, second, third]
        made = create_all(first, receiver, BATCH)
        for _ in range(KILLS):
            time.sleep(random.uniform(0.1, 1.0))
            victim = random.choice(platforms)
            victim.end(signal.SIGKILL)
            victim.start()
        wait_until(lambda: ended(second, made), 240, "the end of all trainings")
        check(third, made, trainer, receiver)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_platform_that_ends_in_peace(tmp_path, trainer, template, receiver, number):
    with Platform(tmp_path / "data", trainer=trainer.url, template=template) as platform:
        identity = platform.create(input={"instance_prompt": "x", "seconds": 3},
                                   webhook_completed=receiver.url)
        platform.wait_status(identity, "processing")
        began = time.monotonic()
        assert platform.end(number) == 0
        assert time.monotonic() - began < 5
        platform.start()
        assert platform.wait_end(identity)["status"] == "succeeded"
        assert trainer.begun == [identity] and trainer.cancels == []
        assert platform.training(identity)["steps"][0]["attempt"] == 1
        wait_until(lambda: len(receiver.of(identity)) == 1)
