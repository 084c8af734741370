"""`dream weights pull` where the way is long: full disks, redirects to other hosts, servers whose
only word on a file's version is weak."""
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from conftest import DREAM
from range_server import (LARGE, SMALL, RangeServer, leftovers, pull, server,  # noqa: F401
                          sha256, stated)

DATE, LATER = "Sun, 06 Nov 1994 08:49:37 GMT", "Mon, 07 Nov 1994 08:49:37 GMT"
VALIDATORS = {"weak": [("ETag", 'W/"a"')], "date": [("Last-Modified", DATE)],
              "weak and date": [("ETag", 'W/"a"'), ("Last-Modified", DATE)]}
CHANGED = {"weak": [("ETag", 'W/"b"')], "date": [("Last-Modified", LATER)],
           "weak and date": [("ETag", 'W/"b"'), ("Last-Modified", LATER)]}


@pytest.fixture(scope="session")
def full_disk(tmp_path_factory):
    """Variables under which a program finds its disk full."""
    library = tmp_path_factory.mktemp("full_disk") / "full_disk.so"
    subprocess.run([shutil.which("c++"), "-std=c++20", "-shared", "-fPIC", "-o", library,
                    Path(__file__).with_name("full_disk.cpp"), "-ldl"], check=True)
    return lambda **settings: {"LD_PRELOAD": str(library), **{
        f"DREAM_TEST_DISK_{name.upper()}": str(value) for name, value in settings.items()}}


def test_a_disk_that_fills_up_ends_the_pull_and_it_goes_on_later(pull, server, tmp_path, full_disk):
    server.files = {"/w.ckpt": LARGE}
    done = pull({"w.ckpt": stated(LARGE)}, "--connections", "1", env=full_disk(bytes=17 << 20))
    assert done.returncode == 1, done.stderr
    assert f"cannot download {server.url}/w.ckpt: the disk is full" in done.stderr
    assert not (tmp_path / "models/toy/w.ckpt").exists()
    server.sent = 0
    done = pull({"w.ckpt": stated(LARGE)})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "models/toy/w.ckpt").read_bytes() == LARGE
    assert server.sent < len(LARGE) / 2, "what had room is not fetched again"
    assert not leftovers(tmp_path)


def test_a_disk_without_room_is_known_before_anything_is_fetched(pull, server, full_disk):
    server.files = {"/w.ckpt": LARGE}
    done = pull({"w.ckpt": stated(LARGE)}, env=full_disk(free=1000))
    assert done.returncode == 1
    assert f"{len(LARGE)} bytes are needed, 1000 are free" in done.stderr
    assert server.sent <= 1 << 16


def test_a_full_disk_without_ranges(pull, server, tmp_path, full_disk):
    server.files, server.ranges = {"/w.ckpt": LARGE}, False
    done = pull({"w.ckpt": {}}, env=full_disk(bytes=1 << 20))
    assert done.returncode == 1 and "the disk is full" in done.stderr
    assert pull({"w.ckpt": {}}).returncode == 0
    assert (tmp_path / "models/toy/w.ckpt").read_bytes() == LARGE


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_redirects_to_another_host_are_followed_by_every_range(pull, server, tmp_path, data):
    """As hubs do it: the hub redirects each request to a store of another name."""
    store = RangeServer(host="localhost")
    try:
        server.redirects = {"/w.ckpt": f"{store.url}/blobs/123?signed=yes"}
        store.files = {"/blobs/123?signed=yes": data}
        store.cuts = 2 if data is LARGE else 0
        done = pull({"w.ckpt": stated(data)})
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "models/toy/w.ckpt").read_bytes() == data
        assert len(store.requests) >= (5 if data is LARGE else 2)
        assert not server.sent, "the hub sends no bytes of the file"
    finally:
        store.stop()


def test_redirects_in_a_circle_end(pull, server):
    server.redirects = {"/a": f"{server.url}/b", "/b": f"{server.url}/a"}
    done = pull({"a": {}})
    assert done.returncode == 1 and "redirect" in done.stderr.lower()
    assert len(server.requests) < 100


@pytest.mark.parametrize("kind", VALIDATORS)
@pytest.mark.parametrize("changed", [False, True], ids=["same", "changed"])
def test_what_is_known_by_a_weak_validator_goes_on_unless_it_changed(pull, server, tmp_path, kind,
                                                                      changed):
    pull({"w.ckpt": {}})  # writes the manifest; the server has no file yet
    server.files, server.validators, server.pause_s = {"/w.ckpt": LARGE}, VALIDATORS[kind], 0.01
    process = subprocess.Popen([DREAM, "weights", "pull", tmp_path / "toy.json", "--models",
                                tmp_path / "models"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while server.sent < len(LARGE) // 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    time.sleep(0.3)  # its requests end
    server.pause_s = server.sent = 0
    wanted = LARGE
    if changed:
        server.validators, wanted = CHANGED[kind], LARGE[::-1]
        server.files = {"/w.ckpt": wanted}
    done = pull({"w.ckpt": {}})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "models/toy/w.ckpt").read_bytes() == wanted
    assert (server.sent < len(LARGE) * 0.85) != changed
    assert not leftovers(tmp_path)


def test_versions_that_a_weak_validator_joins_are_told_apart_by_the_digest(pull, server, tmp_path):
    """The server says it is the same file, but it is not: what was joined begins anew."""
    pull({"w.ckpt": {}})
    server.files, server.validators, server.pause_s = {"/w.ckpt": LARGE}, VALIDATORS["weak"], 0.01
    process = subprocess.Popen([DREAM, "weights", "pull", tmp_path / "toy.json", "--models",
                                tmp_path / "models"], stderr=subprocess.DEVNULL)
    while server.sent < len(LARGE) // 3:
        time.sleep(0.02)
    process.kill()
    process.wait()
    server.files, server.pause_s = {"/w.ckpt": LARGE[::-1]}, 0
    done = pull({"w.ckpt": stated(LARGE[::-1])})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "models/toy/w.ckpt").read_bytes() == LARGE[::-1]
