"""How the server ends: what is in work may end, the rest is told; and the readiness file."""

import http.client
import os
import signal
import socket
import threading
import time

import pytest
from events import Stream
from harness import wait_until


class Behind:
    """Runs in the background; `value` waits for what it came to."""

    def __init__(self, call, *arguments):
        self.results = []
        self.thread = threading.Thread(target=lambda: self.results.append(call(*arguments)))
        self.thread.start()

    @property
    def value(self):
        self.thread.join(30)
        return self.results[0]


def wait_for_drain(server):
    wait_until(lambda: "finishing what is in work" in server.log(), what="the drain")


def test_what_runs_and_waits_may_end_and_new_ones_are_refused(serve, receiver):
    server = serve("sleeper", args=["--queue", "4"])
    running = Behind(server.predict, {"seconds": 1.2, "message": "ran"})
    server.wait_for("BUSY")
    assert server.start({"seconds": 0.2}, id="waits", webhook=receiver.url).status == 202
    server.signal(signal.SIGTERM)
    wait_for_drain(server)
    for method, path in (("POST", "/predictions"), ("PUT", "/predictions/new")):
        refused = server.request(method, path, {"input": {"seconds": 0}})
        assert refused.status == 503 and refused.headers["connection"] == "close"
        assert refused.json == {
            "error": "The server is shutting down: it accepts no new predictions.",
            "status": "failed", "detail": refused.json["error"]}
    health = server.get("/health-check")
    assert health.status == 200 and health.json["status"] == "BUSY"
    assert health.headers["connection"] == "close"
    metrics = server.get("/metrics").text
    assert "dream_draining 1\n" in metrics
    assert 'dream_predictions_refused_total{reason="draining"} 2\n' in metrics
    assert server.put_running("waits") == 202, "those that were accepted can still be asked about"
    assert running.value.json["output"] == "ran"
    assert running.value.headers["connection"] == "close"
    assert server.wait_exit() == 0
    assert receiver.terminal("waits", 1)["status"] == "succeeded"


def test_what_does_not_end_in_time_is_canceled(serve, receiver):
    server = serve("sleeper", args=["--drain-timeout", "0.7"])
    answer = Behind(lambda: server.predict({"seconds": 60}, id="late", webhook=receiver.url))
    server.wait_for("BUSY")
    begin = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert 0.7 <= time.monotonic() - begin < 8
    assert answer.value.json["status"] == "canceled"
    assert answer.value.json["logs"].endswith("Canceled: the server shuts down.\n")
    assert receiver.terminal("late", 1)["status"] == "canceled"
    assert len([body for body in receiver.of("late") if body["status"] == "canceled"]) == 1
    assert "canceling what did not end within 0.7 s" in server.log()


def test_nothing_in_work_ends_at_once(serve):
    server = serve("echo")
    idle = http.client.HTTPConnection("127.0.0.1", server.port)
    idle.request("GET", "/health-check")
    idle.getresponse().read()
    silent = socket.create_connection(("127.0.0.1", server.port))
    begin = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0 and time.monotonic() - begin < 3
    assert idle.sock.recv(10) == b"" and silent.recv(10) == b""


def test_idle_connections_are_closed_while_others_work(serve):
    server = serve("sleeper")
    idle = socket.create_connection(("127.0.0.1", server.port), timeout=5)
    idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert idle.recv(65536).startswith(b"HTTP/1.1 200")
    running = Behind(server.predict, {"seconds": 2})
    server.wait_for("BUSY")
    server.signal(signal.SIGTERM)
    begin = time.monotonic()
    assert idle.recv(10) == b"" and time.monotonic() - begin < 1.5
    assert running.value.json["status"] == "succeeded"
    assert server.wait_exit() == 0


@pytest.mark.parametrize("numbers", [(signal.SIGTERM, signal.SIGTERM),
                                     (signal.SIGINT, signal.SIGTERM)])
def test_a_second_signal_ends_at_once(serve, receiver, numbers):
    server = serve("sleeper", "ignores_cancel", args=["--concurrency", "2"])
    answer = Behind(lambda: server.predict({"seconds": 60}, id="hurried", webhook=receiver.url))
    server.wait_for("BUSY", "READY")
    wait_until(lambda: receiver.of("hurried"), what="the start")
    deaf = Behind(lambda: server.predict({"seconds": 60}, "ignores_cancel"))
    wait_until(lambda: 'stage="running"} 2' in server.get("/metrics").text)
    server.signal(numbers[0])
    wait_for_drain(server)
    begin = time.monotonic()
    server.signal(numbers[1])
    assert server.wait_exit(5) == 0 and time.monotonic() - begin < 4
    assert answer.value.json["status"] == "canceled"
    assert deaf.value.json["status"] == "canceled", "its worker was not asked twice"
    assert receiver.terminal("hurried", 1)["status"] == "canceled"


def test_a_signal_after_the_request_to_shut_down_does_not_hurry(serve):
    server = serve("sleeper")
    running = Behind(server.predict, {"seconds": 1})
    server.wait_for("BUSY")
    assert server.post("/shutdown").status == 200
    assert server.post("/shutdown").status == 200
    server.signal(signal.SIGTERM)
    assert running.value.json["status"] == "succeeded"
    assert server.wait_exit() == 0


def test_streams_and_slow_clients(serve):
    server = serve("counter", args=["--drain-timeout", "1"])
    unfinished = socket.create_connection(("127.0.0.1", server.port))
    unfinished.sendall(b"POST /predictions HTTP/1.1\r\nContent-Length: 100\r\n\r\nsome")
    with Stream(server.port, "POST", "/predictions",
                {"input": {"count": 1000, "delay_ms": 100}}) as stream:
        stream.until("output")
        server.signal(signal.SIGTERM)
        assert stream.until("completed")[-1].data["status"] == "canceled"
    assert server.wait_exit(12) == 0, "who sends half a request holds nobody up"


def test_sigterm_is_ignored_under_await_explicit_shutdown_in_a_drain_too(serve):
    server = serve("sleeper", args=["--await-explicit-shutdown", "true"])
    running = Behind(server.predict, {"seconds": 1})
    server.wait_for("BUSY")
    for _ in range(2):
        server.signal(signal.SIGTERM)
        time.sleep(0.1)
    server.post("/shutdown")
    server.signal(signal.SIGTERM)
    assert running.value.json["status"] == "succeeded"
    assert server.wait_exit() == 0 and server.log().count("SIGTERM ignored") >= 2


def test_a_wrong_limit_is_named():
    from test_server import run_dream
    for wrong in ("-1", "soon"):
        done = run_dream("--drain-timeout", wrong)
        assert done.returncode == 2 and "--drain-timeout" in done.stderr and wrong in done.stderr


def test_the_readiness_file(serve, tmp_path):
    path = tmp_path / "run" / "cog" / "ready"
    path.parent.mkdir(parents=True)
    path.write_text("of an earlier server")
    server = serve("slow_setup", "sleeper", args=["--ready-file", str(path)],
                   env={"SLOW_SETUP_S": "1"}, wait="STARTING")
    assert not path.exists()
    server.wait_for("READY")
    wait_until(path.exists, what="the readiness file")
    running = Behind(lambda: server.predict({"seconds": 1}, "sleeper"))
    wait_until(lambda: 'stage="running"} 1' in server.get("/metrics").text)
    os.kill(server.workers()[0], signal.SIGKILL)
    assert running.value.json["status"] == "failed"
    assert path.exists(), "as Cog's, it says that the set-up has succeeded once"
    server.wait_for("READY")
    running = Behind(lambda: server.predict({"seconds": 1}, "sleeper"))
    wait_until(lambda: 'stage="running"} 1' in server.get("/metrics").text)
    server.signal(signal.SIGTERM)
    wait_until(lambda: not path.exists(), 0.9, "its removal")
    assert running.value.json["status"] == "succeeded" and server.wait_exit() == 0


def test_no_readiness_file_after_a_failed_setup(serve, tmp_path):
    path = tmp_path / "ready"
    serve("throws_in_create", args=["--ready-file", str(path)], wait="SETUP_FAILED")
    time.sleep(0.2)
    assert not path.exists()


def test_a_readiness_file_that_cannot_be_made_is_named(serve, tmp_path):
    (tmp_path / "file").write_text("")
    server = serve("echo", args=["--ready-file", str(tmp_path / "file" / "ready")])
    wait_until(lambda: "cannot make the readiness file" in server.log())
    assert server.predict({"text": "x"}).status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="/var/run/cog is root's")
def test_kubernetes_has_one_where_cog_makes_it(serve):
    path = "/var/run/cog/ready"
    server = serve("echo", env={"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    wait_until(lambda: os.path.exists(path), what=path)
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0 and not os.path.exists(path)
    serve("echo")
    assert not os.path.exists(path)
