"""`dream weights pull` against a loopback server that misbehaves on purpose."""
import json
import re
import subprocess
import threading
import time

import pytest
from conftest import DREAM
from range_server import LARGE, SMALL, leftovers, pull, server, sha256, stated  # noqa: F401


def test_files_arrive_with_licence_digest_and_record(pull, server, tmp_path):
    server.files = {"/unet/a.bin": SMALL, "/b.json": b"{}"}
    done = pull({"unet/a.bin": stated(SMALL), "b.json": {}})
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "models/toy"
    assert done.stdout.strip() == str(folder)
    assert "licence: MIT (https://example.com/mit)" in done.stderr
    assert f"b.json: sha256 {sha256(b'{}')}, recorded" in done.stderr
    assert (folder / "unet/a.bin").read_bytes() == SMALL
    record = json.loads((folder / ".dream-pull.json").read_text())
    assert record["complete"] and [f["sha256"] for f in record["files"]] == [
        sha256(SMALL), sha256(b"{}")]
    assert not leftovers(tmp_path)
    before = len(server.requests)
    assert pull({"unet/a.bin": stated(SMALL), "b.json": {}}).returncode == 0
    assert len(server.requests) == before, "what is there is not fetched again"


def test_a_large_file_comes_in_parallel_ranges(pull, server, tmp_path):
    server.files = {"/w.ckpt": LARGE}
    done = pull({"w.ckpt": stated(LARGE)}, "--connections", 3)
    assert done.returncode == 0, done.stderr
    assert re.search(r"w\.ckpt: .+ of \S+ MiB, \S+ \S+/s", done.stderr), "progress is told"
    assert (tmp_path / "models/toy/w.ckpt").read_bytes() == LARGE
    assert len(set(server.requests) - {"bytes=0-0"}) == 3


def test_a_server_without_ranges_is_read_in_one_go(pull, server, tmp_path):
    server.files, server.ranges = {"/w.ckpt": LARGE}, False
    done = pull({"w.ckpt": stated(LARGE)})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "models/toy/w.ckpt").read_bytes() == LARGE


@pytest.mark.parametrize("ranges", [True, False])
def test_cut_connections_and_503_are_tried_again(pull, server, tmp_path, ranges):
    server.files, server.ranges = {"/w.ckpt": LARGE}, ranges
    server.failures, server.cuts = 2, 3 if ranges else 1
    done = pull({"w.ckpt": stated(LARGE)})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "models/toy/w.ckpt").read_bytes() == LARGE
    assert server.cuts == 0 and server.failures == 0


def test_failures_that_stay_end_it(pull, server):
    server.files, server.failures = {"/w.ckpt": SMALL}, 1000
    done = pull({"w.ckpt": {}})
    assert done.returncode == 1
    assert "the server answered 503, 5 times in a row" in done.stderr


def test_a_wrong_digest_or_size_leaves_nothing(pull, server, tmp_path):
    server.files = {"/w.ckpt": SMALL}
    done = pull({"w.ckpt": {"sha256": "0" * 64}})
    assert done.returncode == 1
    assert sha256(SMALL) in done.stderr and "0" * 64 in done.stderr
    done = pull({"w.ckpt": {"size": 99}})
    assert done.returncode == 1 and "100000 bytes, the manifest states 99" in done.stderr
    assert not (tmp_path / "models/toy/w.ckpt").exists() and not leftovers(tmp_path)


def test_what_is_missing_is_told(pull, dream):
    done = pull({"gone.bin": {}})
    assert done.returncode == 1
    assert "/gone.bin: the server answered 404" in done.stderr
    done = dream("weights", "pull", "sd-1.6")
    assert done.returncode == 2 and "did you mean" in done.stderr and "sd-1.5" in done.stderr


def start_and_kill(server, tmp_path):
    server.pause_s = 0.01
    process = subprocess.Popen([DREAM, "weights", "pull", tmp_path / "toy.json", "--models",
                                tmp_path / "models"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while server.sent < len(LARGE) // 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    second = subprocess.run([DREAM, "weights", "pull", tmp_path / "toy.json", "--models",
                             tmp_path / "models"], capture_output=True, text=True, timeout=60)
    process.kill()
    process.wait()
    server.pause_s = 0
    assert second.returncode == 1 and "another pull of toy is under way" in second.stderr


@pytest.mark.parametrize("changed", [False, True])
def test_a_killed_pull_goes_on_unless_the_file_changed(pull, server, tmp_path, changed):
    pull({"w.ckpt": {}})  # writes the manifest; the server has no file yet
    server.files = {"/w.ckpt": LARGE}
    start_and_kill(server, tmp_path)
    assert sorted(leftovers(tmp_path)) == ["w.ckpt.partial", "w.ckpt.partial.json"]
    wanted = LARGE
    if changed:
        wanted = server.files["/w.ckpt"] = LARGE[::-1]
        server.validators = [("ETag", '"two"')]
    time.sleep(0.3)  # requests of the killed process end
    server.sent = 0
    done = pull({"w.ckpt": {}})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "models/toy/w.ckpt").read_bytes() == wanted
    assert not leftovers(tmp_path)
    if not changed:
        assert server.sent < len(LARGE) * 0.85, "what was there is not fetched again"


def test_a_file_that_changes_meanwhile_starts_again(pull, server, tmp_path):
    server.files, server.pause_s, server.cuts = {"/w.ckpt": LARGE}, 0.005, 4
    new = LARGE[::-1]

    def change():
        while server.sent < 1 << 20:
            time.sleep(0.005)
        server.files, server.pause_s = {"/w.ckpt": new}, 0
        server.validators = [("ETag", '"two"')]
    threading.Thread(target=change, daemon=True).start()
    done = pull({"w.ckpt": stated(new)})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "models/toy/w.ckpt").read_bytes() == new


def test_a_manifest_by_url_and_a_mirror(dream, server, tmp_path):
    server.files = {"/m.json": json.dumps({
        "name": "toy", "description": "A toy", "kind": "model", "license": "MIT",
        "source": "https://example.com",
        "files": [{"url": "https://nowhere.invalid/deep/a.bin", "path": "a.bin"}]}).encode(),
        "/mirror/deep/a.bin": SMALL}
    done = dream("weights", "pull", f"{server.url}/m.json", "--models", tmp_path / "models",
                 "--base-url", f"{server.url}/mirror/")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "models/toy/a.bin").read_bytes() == SMALL


def test_a_manifest_that_leads_out_of_the_store_is_refused(pull, server, tmp_path):
    server.files = {"/../evil": SMALL}
    done = pull({"../evil": {}})
    assert done.returncode == 1 and '"path"' in done.stderr
    assert not (tmp_path / "models/evil").exists()


def test_list_shows_licences_and_sizes(dream):
    rows = json.loads(dream("weights", "list", "--json").stdout)
    by_name = {row["name"]: row for row in rows}
    assert by_name["sd-1.5"]["license"] == "CreativeML-OpenRAIL-M"
    assert by_name["sd-1.5"]["pulled"] is False
    assert len([name for name in by_name if name.startswith("controlnet-")]) == 15
    text = dream("weights", "list").stdout
    assert len(text.splitlines()) == len(rows)
