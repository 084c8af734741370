"""--queue: who waits, in which order, what ends waiting; deadlines; slots that are free in time."""

import http.client
import http.server
import json
import os
import signal
import subprocess
import threading
import time

import pytest
from harness import BUILD, JSON, LocalServer, wait_until

FULL = bool(os.environ.get("DREAM_FULL"))


def state(server, identity):
    return server.request("PUT", f"/predictions/{identity}", {"input": {}}).json


def at_once(count, ask):
    """The answers to so many equal requests, all sent at the same time."""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return answers


def test_the_queue_is_served_in_order(serve, receiver):
    server = serve("sleeper", args=["--queue", "3"])
    server.start({"seconds": 60}, id="first")
    for index in range(3):
        answer = server.start({"seconds": 0.02}, id=f"q{index}", webhook=receiver.url)
        assert (answer.status, answer.json) == (202, {"id": f"q{index}", "status": "starting"})
    full = server.start({"seconds": 0}, id="q3")
    assert full.status == 409 and full.json["error"].startswith("At capacity")
    assert state(server, "q2")["status"] == "starting"
    assert state(server, "q2")["logs"] == "In the queue: 2 before it.\n"
    assert server.health() == "BUSY"
    server.post("/predictions/first/cancel")
    ends = [receiver.terminal(f"q{index}") for index in range(3)]
    assert [end["status"] for end in ends] == ["succeeded"] * 3
    times = [end["started_at"] for end in ends]
    assert times == sorted(times)
    assert "In the queue: it is the next one." in ends[2]["logs"]


def test_sync_requests_wait_too(serve):
    server = serve("sleeper", args=["--queue", "8"])
    answers = at_once(9, lambda: server.predict({"seconds": 0.05}))
    assert [answer.json["status"] for answer in answers] == ["succeeded"] * 9


def test_a_cancel_in_the_queue(serve, receiver):
    server = serve("sleeper", args=["--queue", "2"])
    server.start({"seconds": 60}, id="first")
    server.start({"seconds": 60}, id="second", webhook=receiver.url)
    assert server.post("/predictions/second/cancel").status == 200
    end = receiver.terminal("second")
    assert end["status"] == "canceled" and end["started_at"] is None and end["error"] is None
    assert "processing" not in {body["status"] for body in receiver.of("second")}
    assert server.post("/predictions/second/cancel").status == 404
    server.post("/predictions/first/cancel")


def test_a_client_that_leaves_the_queue(serve, receiver):
    server = serve("sleeper", args=["--queue", "1"])
    server.start({"seconds": 60}, id="first")
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    body = {"id": "left", "input": {"seconds": 60}, "webhook": receiver.url}
    connection.request("POST", "/predictions", json.dumps(body), JSON)
    wait_until(lambda: receiver.of("left"), what="its place in the queue")
    assert server.start({"seconds": 0}).status == 409
    connection.close()
    assert receiver.terminal("left")["status"] == "canceled"
    assert server.start({"seconds": 60}).status == 202


def test_shutdown_ends_those_that_wait(serve, receiver):
    server = serve("sleeper", args=["--queue", "2", "--drain-timeout", "0.5"])
    for identity in ("one", "two", "three"):
        assert server.start({"seconds": 60}, id=identity, webhook=receiver.url).status == 202
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    ends = {identity: receiver.terminal(identity, 1) for identity in ("one", "two", "three")}
    assert {end["status"] for end in ends.values()} == {"canceled"}
    assert ends["two"]["started_at"] is None


def test_the_queue_outlives_a_worker(serve, receiver):
    server = serve("sleeper", args=["--queue", "4"])
    for index in range(3):
        server.start({"seconds": 60 if index == 0 else 0.02}, id=f"p{index}", webhook=receiver.url)
    os.kill(server.workers()[0], signal.SIGKILL)
    assert receiver.terminal("p0")["status"] == "failed"
    late = server.predict({"seconds": 0})  # no 503 meanwhile
    assert late.status == 200 and late.json["status"] == "succeeded"
    assert [receiver.terminal(f"p{index}")["status"] for index in (1, 2)] == ["succeeded"] * 2


@pytest.fixture
def slow_files():
    class Files(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(0.5)
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *arguments):
            pass

    with LocalServer(Files) as server:
        yield f"{server.url}/x"


def test_url_inputs_of_a_template_that_runs_alone(serve, slow_files):
    """Three at once, with three slots, for one that runs once at a time: one is taken, two are
    refused; none is taken that would fail."""
    server = serve("reads_file", args=["--concurrency", "3"])
    answers = at_once(3, lambda: server.predict({"file": slow_files}))
    assert sorted(answer.status for answer in answers) == [200, 409, 409]
    [taken] = [answer for answer in answers if answer.status == 200]
    assert taken.json["status"] == "succeeded" and taken.json["output"] == 5


def test_url_inputs_wait_in_the_queue(serve, slow_files):
    server = serve("reads_file", args=["--concurrency", "3", "--queue", "2"])
    answers = at_once(3, lambda: server.predict({"file": slow_files}))
    assert [answer.json["status"] for answer in answers] == ["succeeded"] * 3


def test_prediction_timeout(serve):
    server = serve("sleeper", args=["--prediction-timeout", "1s"])
    begin = time.monotonic()
    body = server.predict({"seconds": 60}).json
    assert 0.9 < time.monotonic() - begin < 5
    assert body["status"] == "failed"
    assert body["error"] == "the run did not end within 1 s, the server's limit"
    assert server.predict({"seconds": 0}).json["status"] == "succeeded"


def test_cancel_after(serve):
    server = serve("sleeper")
    headers = {"Cancel-After": "1s", **JSON}
    body = server.post("/predictions", {"input": {"seconds": 60}}, headers=headers).json
    assert body["status"] == "canceled" and "Cancel-After" in body["logs"]
    answer = server.post("/predictions", {"input": {"seconds": 0}},
                         headers={"Cancel-After": "soon", **JSON})
    assert answer.status == 400 and "'soon'" in answer.json["error"]
    assert server.predict({"seconds": 0}).json["status"] == "succeeded"


def test_wrong_flags_are_explained():
    for arguments, words in [(["--prediction-timeout", "soon"], "soon"),
                             (["--worker-user", "no-such-user"], "no-such-user"),
                             (["--queue", "-1"], "--queue")]:
        done = subprocess.run([BUILD / "bin/dream", "serve", "vanilla", *arguments],
                              capture_output=True, text=True, timeout=20)
        assert done.returncode == 2 and words in done.stderr, done.stderr


def test_strictly_sequential_requests_never_meet_a_busy_slot(serve):
    """The next request is on its way before the last answer is read whole."""
    server = serve("echo")
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    body = json.dumps({"input": {"text": "x"}})
    statuses = set()
    for _ in range(20000 if FULL else 3000):
        connection.request("POST", "/predictions", body, JSON)
        answer = connection.getresponse()
        answer.read()
        statuses.add(answer.status)
    assert statuses == {200}
