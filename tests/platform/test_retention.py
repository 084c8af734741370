"""What goes when its time is over: never what a version or anything that runs needs, wherever the
platform is killed."""

import hashlib
import random
import signal
import subprocess
import time

import pytest
from harness import BUILD, wait_until

from images import PIXEL, make_pictures, make_weights
from platforms import TERMINAL, Platform
from test_metrics import read
from test_replicate_api import Versions, form_with_pixel

SHORT = ["--keep-trainings", "1s", "--keep-predictions", "1s", "--keep-files", "1s"]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def blobs(platform):
    return {path.name for path in (platform.data / "blobs/sha256").rglob("*") if path.is_file()}


def wait_gone(platform, *paths):
    wait_until(lambda: all(platform.get(path).status == 404 for path in paths), 20,
               f"the end of {paths}")


def test_versions_keep_what_they_need_and_the_rest_goes(tmp_path, database, trainer, template,
                                                        receiver):
    with Versions(tmp_path / "data", trainer, template, args=SHORT, database=database) as platform:
        version = platform.version("files")
        wait_until(lambda: platform.get("/v1/trainings").json["results"] == [], 20, "no training")
        weights = digest(make_weights("files"))
        wait_until(lambda: blobs(platform) == {weights}, 20, "the upload's blob alone")
        made = platform.predict("files", {"names": ["a.txt"], "content": "hello"},
                                webhook=receiver.url).json
        assert made["status"] == "succeeded", made
        wait_gone(platform, f"/v1/predictions/{made['id']}")
        wait_until(lambda: blobs(platform) == {weights}, 20, "no output")
        assert any(d["status"] == "succeeded" for d in receiver.of(made["id"])), "it was told"
        counted = read(platform)
        for kind in ("training", "prediction", "file", "blob"):
            assert counted["dream_platform_removed_total", ("kind", kind)] >= 1, kind
        assert counted["dream_platform_removed_blob_bytes_total",] >= len("hello")
        assert counted["dream_platform_blobs",] == 1
        assert platform.request("DELETE", f"/v1/models/anna/files/versions/{version}").status == 204
        wait_until(lambda: blobs(platform) == set(), 20, "no blob")


def test_what_runs_keeps_its_files(tmp_path, database, trainer, template):
    pictures = make_pictures(7)
    with Platform(tmp_path / "data", trainer=trainer.url, template=template, database=database,
                  args=SHORT) as platform:
        url = platform.upload(pictures)
        identity = platform.create(input={"instance_prompt": "x", "instance_data": url,
                                          "seconds": 4})
        other = platform.upload(make_pictures(6))
        assert other != url
        wait_until(lambda: blobs(platform) == {digest(pictures)}, 20, "the unused upload's end")
        assert platform.training(identity)["status"] not in TERMINAL
        assert platform.wait_end(identity)["status"] == "succeeded"
        wait_until(lambda: digest(pictures) not in blobs(platform), 20, "the end of the pictures")
        gone = platform.post("/v1/trainings", {"model": "anna/me", "input": {
            "instance_prompt": "x", "instance_data": url}})
        assert gone.status == 422 and "no longer there" in gone.json["detail"], gone.text


def test_a_file_that_is_deleted_takes_its_blob_along(tmp_path, database, trainer, template):
    with Platform(tmp_path / "data", trainer=trainer.url, template=template,
                  database=database) as platform:
        body, kind = form_with_pixel({})
        one, two = (platform.post("/v1/files", body, headers=kind).json for _ in range(2))
        assert platform.request("DELETE", f"/v1/files/{one['id']}").status == 204
        assert blobs(platform) == {digest(PIXEL)}, "the other one needs it"
        assert platform.request("DELETE", f"/v1/files/{two['id']}").status == 204
        assert blobs(platform) == set()
        assert platform.request("DELETE", f"/v1/files/{two['id']}").status == 404


def test_files_say_when_they_end(tmp_path, trainer, template):
    for args, end in ((["--keep-files", "2h"], None), (["--keep-files", "forever"], "2200-")):
        with Platform(tmp_path / args[1], trainer=trainer.url, template=template,
                      args=args) as platform:
            body, kind = form_with_pixel({})
            file = platform.post("/v1/files", body, headers=kind).json
            hours = int(file["expires_at"][11:13]) - int(file["created_at"][11:13])
            assert file["expires_at"].startswith(end) if end else hours % 24 == 2


def test_a_platform_that_is_killed_leaves_nothing_behind(tmp_path, database, trainer, template):
    random.seed(3)
    with Platform(tmp_path / "data", trainer=trainer.url, template=template, database=database,
                  args=SHORT) as platform:
        kept = platform.create(model="anna/kept", weights=platform.upload(make_weights("kept")))
        assert platform.wait_end(kept)["status"] == "succeeded"
        for attempt in range(4):
            for number in range(25):
                platform.upload(f"{attempt} {number}".encode())
            time.sleep(random.uniform(0.8, 1.6))  # in the midst of a round that removes
            platform.end(signal.SIGKILL)
            platform.start()
        wait_until(lambda: blobs(platform) == {digest(make_weights("kept"))}, 30,
                   "the blob of the version alone")
        assert list((platform.data / "blobs/incoming").iterdir()) == []


@pytest.mark.parametrize("text", ["", "1y", "-1d", "30 d", "never", "d"])
def test_times_that_are_none(tmp_path, text):
    done = subprocess.run([BUILD / "bin/dream", "platform", "--data", tmp_path,
                           "--keep-files", text], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert f"--keep-files: '{text}' is no time to keep something: 30d, 12h" in done.stderr
