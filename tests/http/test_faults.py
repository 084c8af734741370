"""Workers that die: one failed prediction, its webhook, and a server that goes on."""

import os
import signal
import threading

import pytest
from harness import wait_until


def test_killed_worker(serve, receiver):
    server = serve("sleeper")
    server.start({"seconds": 60}, id="killed", webhook=receiver.url)
    wait_until(lambda: receiver.of("killed"), what="the start")
    os.kill(server.workers()[0], signal.SIGKILL)
    end = receiver.terminal("killed")
    assert end["status"] == "failed" and end["error"]
    assert end["metrics"]["predict_time"] > 0 and end["completed_at"]
    server.wait_for("READY")
    assert server.predict({"seconds": 0}).json["status"] == "succeeded"
    assert len([body for body in receiver.of("killed") if body["completed_at"]]) == 1


def test_killed_worker_in_a_sync_request(serve):
    server = serve("sleeper")
    results = []
    thread = threading.Thread(target=lambda: results.append(server.predict({"seconds": 60})))
    thread.start()
    server.wait_for("BUSY")
    os.kill(server.workers()[0], signal.SIGKILL)
    thread.join(15)
    assert results[0].status == 200
    assert results[0].json["status"] == "failed" and results[0].json["error"]
    server.wait_for("READY")
    assert server.predict({"seconds": 0}).json["status"] == "succeeded"


@pytest.mark.parametrize("crash", ["segfault", "abort", "exit", "throw_int"])
def test_crashing_template(serve, crash):
    server = serve("sleeper")
    body = server.predict({"seconds": 0.2, "crash": crash}).json
    assert body["status"] == "failed" and body["error"], body
    server.wait_for("READY")
    assert server.predict({"seconds": 0}).json["status"] == "succeeded"


def test_503_while_no_worker_lives(serve):
    server = serve("sleeper")
    server.start({"seconds": 60}, id="gone")
    os.kill(server.workers()[0], signal.SIGKILL)
    wait_until(lambda: server.health() != "BUSY", what="the death to be noticed")
    answer = server.predict({"seconds": 0})
    assert answer.status in (200, 503)
    server.wait_for("READY")


def test_temporary_files_go(serve, tmp_path):
    server = serve("echo", env={"TMPDIR": str(tmp_path)})
    for _ in range(3):
        server.predict({"text": "x", "file": "data:text/plain,hello"})
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept == []
    server.post("/shutdown")
    server.wait_exit()
    assert list(tmp_path.iterdir()) == []
