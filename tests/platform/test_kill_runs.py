"""Platforms, runners and trainers that are killed at any moment: all trainings end, none twice, no
webhook is lost, and nothing is left that nobody knows of."""

import os
import random
import signal
import time

import pytest
from harness import wait_until
from report import add_to_report

from hunt import Hunt
from images import Registry
from platforms import Platform

KILLS = 100 if os.environ.get("DREAM_FULL") == "1" else 6


@pytest.fixture
def registry(tmp_path):
    with Registry(tmp_path) as running:
        yield running


def hunt(tmp_path, template, database, receiver, registry, **how):
    with Hunt(tmp_path, template, database, receiver, registry, **how) as running:
        running.run(KILLS)
        running.check()
        add_to_report("kills", {"kills": dict(running.kills), "trainings": len(running.made)})
        if KILLS >= 100:
            assert min(running.kills[kind] for kind in ("platform", "runner", "trainer")) >= 10


def test_one_platform(tmp_path, template, database, receiver, registry):
    random.seed(8)
    hunt(tmp_path, template, database, receiver, registry, platforms=1, at_once=4)


def test_three_platforms_on_one_database(tmp_path, template, cluster, receiver, registry):
    # All on one machine here, so they share the folder of blobs.
    random.seed(9)
    hunt(tmp_path, template, cluster.new_database(), receiver, registry, platforms=3, at_once=2)


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
