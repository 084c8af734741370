"""Trainers that are not the tests' own: a template of this machine, and the real Cog server."""

import signal
import subprocess
import zipfile

import pytest
from coglet import Coglet
from harness import BUILD, wait_until

from images import PIXEL
from platforms import Platform

FIXTURES = {"DREAM_TEMPLATE_PATH": str(BUILD / "lib/dream/test_templates")}


@pytest.fixture
def archive(tmp_path):
    """Pictures and weights at once, for trainers that return what they are given."""
    path = tmp_path / "both.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.png", PIXEL)
        archive.writestr("model_index.json", "{}")
    return path.read_bytes()


@pytest.fixture
def local(tmp_path, template):
    with Platform(tmp_path / "data", template=template, env=FIXTURES,
                  args=["--trainer", "mine=template:returns_weights"]) as running:
        yield running


def children(platform):
    done = subprocess.run(["pgrep", "-P", str(platform.process.pid), "-f", "dream serve"],
                          capture_output=True, text=True)
    return [int(pid) for pid in done.stdout.split()]


def begin(platform, archive, **inputs):
    return platform.create(trainer_version="mine", input={
        "instance_prompt": "x", "instance_data": platform.upload(archive), **inputs})


def test_a_template_of_this_machine(local, archive):
    identity = begin(local, archive)
    training = local.wait_end(identity)
    assert training["status"] == "succeeded", training
    assert "3/3" in training["logs"] and training["metrics"]["predict_time"] > 0
    assert children(local) == []


def test_a_bad_input_of_a_template_is_told(local, archive):
    training = local.wait_end(begin(local, archive, steps=0))
    assert training["status"] == "failed" and training["failed_step"] == "train"
    assert "steps" in training["error"], training["error"]


def test_a_trainer_that_is_killed_is_started_again(local, archive):
    identity = begin(local, archive, steps=300)
    local.wait_status(identity, "processing")
    [child] = children(local)
    subprocess.run(["kill", "-KILL", str(child)], check=True)
    training = local.wait_end(identity)
    assert training["status"] == "succeeded", training
    assert training["steps"][0]["attempt"] == 2
    assert "killed by signal 9" in training["logs"]


def test_a_local_training_begins_anew_with_the_platform(local, archive):
    identity = begin(local, archive, steps=200)
    local.wait_status(identity, "processing")
    [child] = children(local)
    local.end(signal.SIGKILL)
    wait_until(lambda: subprocess.run(["kill", "-0", str(child)],
                                      capture_output=True).returncode != 0)
    local.start()
    training = local.wait_end(identity)
    assert training["status"] == "succeeded" and training["steps"][0]["attempt"] == 1, training


def test_cancel_of_a_local_training(local, archive):
    identity = begin(local, archive, steps=100000)
    local.wait_status(identity, "processing")
    local.post(f"/v1/trainings/{identity}/cancel")
    assert local.wait_end(identity, limit_s=20)["status"] == "canceled"
    wait_until(lambda: children(local) == [])


def test_the_real_cog_server(tmp_path, template, archive):
    schema = {"openapi": "3.0.2", "info": {"title": "Cog", "version": "0.1.0"},
              "paths": {"/predictions": {"post": {}}},
              "components": {"schemas": {
                  "Input": {"type": "object", "properties": {
                      "instance_prompt": {"type": "string", "x-order": 0},
                      "instance_data": {"type": "string", "format": "uri", "x-order": 1},
                      "seconds": {"type": "number", "x-order": 2}}},
                  "Output": {"type": "string", "format": "uri", "title": "Output"}}}}
    cog = Coglet("weights_trainer", schema)
    try:
        with Platform(tmp_path / "data", trainer=f"http://127.0.0.1:{cog.port}",
                      template=template) as platform:
            data = {"instance_prompt": "x", "instance_data": platform.upload(archive)}
            training = platform.wait_end(platform.create(input={**data, "seconds": 1.0}))
            assert training["status"] == "succeeded", training
            assert "step 1" in training["logs"]
            # Killed while it trains there, the platform finds it again.
            identity = platform.create(input={**data, "seconds": 4.0})
            platform.wait_status(identity, "processing")
            platform.end(signal.SIGKILL)
            platform.start()
            again = platform.wait_end(identity)
            assert again["status"] == "succeeded", (again["error"], again["logs"])
            assert again["version"] == training["version"]
            assert again["logs"].count("begins") == 1
            # A cancel goes through to it.
            identity = platform.create(input={**data, "seconds": 60.0})
            platform.wait_status(identity, "processing")
            platform.post(f"/v1/trainings/{identity}/cancel")
            assert platform.wait_end(identity, limit_s=20)["status"] == "canceled"
            assert cog.wait_for("READY", limit_s=20)
            bad = platform.post("/v1/trainings", {"model": "anna/me", "input": {"nonsense": 1}})
            assert bad.status == 422 and "input.nonsense" in bad.text
    finally:
        cog.kill()
