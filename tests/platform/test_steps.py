"""Train, build, push, tell: where each can fail, and how it goes on."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from harness import Receiver, free_port, wait_until

from images import Registry, digest, make_weights
from platforms import WEBHOOK_SECRET, Platform
from trainer import Trainer


def inputs(**more):
    return {"instance_prompt": "a photo of cjw person", **more}


@pytest.fixture
def registry(tmp_path):
    with Registry(tmp_path) as running:
        yield running


def test_from_pictures_to_an_image_in_a_registry(tmp_path, trainer, template, receiver, registry):
    with Platform(tmp_path / "data", trainer=trainer.url, template=template,
                  args=["--registry", f"{registry.host}/models"]) as platform:
        hook = receiver.url + "?secret=hunter2"
        identity = platform.create(webhook_completed=hook, notes="mine")
        training = platform.wait_end(identity)
        assert training["status"] == "succeeded", training
        manifest, config = registry.inspect(
            f"{registry.host}/models/anna/me@sha256:{training['version']}")
        assert digest(manifest) == f"sha256:{training['version']}"
        layers = json.loads(manifest)["layers"]
        assert len(layers) == len(config["rootfs"]["diff_ids"]) == 2
        assert config["config"]["Labels"]["run.cog.version"] == "0.7.0"
        told = receiver.terminal(identity)
        assert told["version"] == training["version"] and told["failed_step"] is None
        assert told["metrics"]["total_time"] > 0
        check_signature(receiver)
        assert wait_until(lambda: platform.step(identity, "webhook")["status"] == "succeeded")
        assert "hunter2" not in platform.log()


def check_signature(receiver):
    headers, body = receiver.headers[-1], receiver.texts[-1]
    key = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert f"v1,{signature}" in headers["webhook-signature"].split(" ")
    assert abs(time.time() - int(headers["webhook-timestamp"])) < 60


def test_a_training_that_fails(platform, receiver):
    identity = platform.create(input=inputs(fail="out of memory"),
                               webhook_completed=receiver.url)
    training = platform.wait_end(identity)
    assert training["status"] == "failed" and training["failed_step"] == "train"
    assert training["error"] == "out of memory" and "version" not in training
    assert [s["status"] for s in training["steps"]][:3] == ["failed", "canceled", "canceled"]
    assert receiver.terminal(identity)["error"] == "out of memory"


def test_a_push_is_tried_again_alone(tmp_path, trainer, template, receiver):
    port = free_port()
    folder = tmp_path / "registry"
    folder.mkdir()
    args = ["--registry", f"127.0.0.1:{port}"]
    with Platform(tmp_path / "data", trainer=trainer.url, template=template, args=args
                  ) as platform:
        with Registry(folder, port):
            identity = platform.create(input=inputs(seconds=2), webhook_completed=receiver.url)
            platform.wait_status(identity, "processing")
        # The registry is away when its turn comes, and comes back.
        platform.wait_status(identity, "pushing")
        time.sleep(1)
        with Registry(folder, port):
            training = platform.wait_end(identity, limit_s=120)
            if training["status"] == "failed":
                assert training["failed_step"] == "push", training
                answer = platform.post(f"/v1/trainings/{identity}/retry")
                assert answer.status == 200 and answer.json["status"] == "pushing"
                training = platform.wait_end(identity)
        assert training["status"] == "succeeded", training
        assert trainer.begun == [identity]


def test_retries_by_name(platform, trainer, receiver):
    identity = platform.create(input=inputs(), webhook_completed=receiver.url)
    assert platform.post(f"/v1/trainings/{identity}/retry").status == 409
    first = platform.wait_end(identity)
    wait_until(lambda: len(receiver.of(identity)) == 1)
    assert platform.post(f"/v1/trainings/{identity}/retry").status == 422
    assert platform.post(f"/v1/trainings/{identity}/retry", {"step": "bake"}).status == 422
    assert platform.post(f"/v1/trainings/{identity}/retry", {"step": "webhook"}).status == 200
    wait_until(lambda: len(receiver.of(identity)) == 2)
    assert len({h["webhook-id"] for h in receiver.headers}) == 1
    assert platform.post(f"/v1/trainings/{identity}/retry", {"step": "build"}).status == 200
    assert platform.wait_end(identity)["version"] == first["version"]
    wait_until(lambda: len(receiver.of(identity)) == 3)
    assert trainer.begun == [identity]
    assert platform.post(f"/v1/trainings/{identity}/retry", {"step": "train"}).status == 200
    assert platform.wait_end(identity)["version"] == first["version"]
    assert trainer.begun == [identity] * 2


def test_cancel_while_it_trains(platform, trainer, receiver):
    identity = platform.create(input=inputs(seconds=60), webhook_completed=receiver.url)
    platform.wait_status(identity, "processing")
    assert platform.post(f"/v1/trainings/{identity}/cancel").status == 200
    assert platform.wait_end(identity, limit_s=15)["status"] == "canceled"
    wait_until(lambda: trainer.cancels == [identity] and not trainer.running)
    assert receiver.terminal(identity)["status"] == "canceled"
    assert platform.post(f"/v1/trainings/{identity}/cancel").json["status"] == "canceled"


def test_cancel_while_it_waits(tmp_path, template):
    with Trainer(capacity=0) as full, Platform(tmp_path / "data", trainer=full.url,
                                               template=template) as platform:
        running, waiting = platform.create(input=inputs()), platform.create(input=inputs())
        platform.wait_status(running, "starting")
        assert platform.post(f"/v1/trainings/{waiting}/cancel").json["status"] == "canceled"
        platform.post(f"/v1/trainings/{running}/cancel")
        assert platform.wait_end(running)["status"] == "canceled"
        assert full.begun == []


def test_waits_for_a_busy_trainer(tmp_path, template):
    with Trainer(capacity=1) as small, Platform(
            tmp_path / "data", trainer=small.url, template=template,
            args=["--trainings-at-once", "3"]) as platform:
        made = [platform.create(input=inputs(seconds=0.5)) for _ in range(3)]
        for identity in made:
            assert platform.wait_end(identity)["status"] == "succeeded"
        assert sorted(small.begun) == sorted(made)


def test_a_trainer_that_was_started_again_trains_again(platform, trainer):
    identity = platform.create(input=inputs(seconds=60))
    platform.wait_status(identity, "processing")
    trainer.running.clear()
    trainer.started_at = "2030-01-01T00:00:00Z"
    wait_until(lambda: trainer.begun == [identity] * 2, 30, "the second run")
    assert "started again" in platform.training(identity)["logs"]
    trainer.running[identity].canceled.set()
    platform.wait_end(identity)


@pytest.mark.parametrize("output,words", [
    ("https://127.0.0.1:1/output.zip", "does not answer"),
    ("data:application/zip;base64,aGVsbG8=", "cannot be used as an output.zip"),
    ("data:application/zip;base64,!!!", "is not a data URL in base64"),
    ("ftp://example.com/output.zip", "is no URL of a file"),
    ("file:///etc/passwd", "is no URL of a file"),
    ("http://169.254.169.254/latest/meta-data", "link-local"),
])
def test_outputs_that_are_no_weights(platform, output, words):
    identity = platform.create(input=inputs(output=output))
    training = platform.wait_end(identity, limit_s=90)
    assert training["status"] == "failed" and training["failed_step"] == "train"
    assert words in training["error"], training["error"]


def test_a_webhook_is_tried_until_it_is_taken(platform):
    with Receiver([503, 429]) as receiver:
        identity = platform.create(weights=platform.upload(make_weights(), "output.zip"),
                                   webhook_completed=receiver.url)
        platform.wait_end(identity)
        wait_until(lambda: len(receiver.of(identity)) == 3, 30, "three tries")
        assert len({h["webhook-id"] for h in receiver.headers}) == 1
        assert wait_until(lambda: platform.step(identity, "webhook")["attempt"] == 3)


def test_a_webhook_that_is_refused_fails_alone(platform):
    with Receiver([404]) as receiver:
        identity = platform.create(weights=platform.upload(make_weights(), "output.zip"),
                                   webhook_completed=receiver.url)
        assert platform.wait_end(identity)["status"] == "succeeded"
        step = wait_until(lambda: (lambda s: s if s["status"] == "failed" else None)(
            platform.step(identity, "webhook")))
        assert step["response_status"] == 404 and "404" in step["error"]
