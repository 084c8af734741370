"""The HTTP side: methods, connections, limits, health, start and end of the server."""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest
from harness import BUILD, JSON, Server, free_port, wait_until


def raw(port, data, limit_s=10):
    """Sends bytes on a connection and returns all that comes until the server closes it."""
    with socket.create_connection(("127.0.0.1", port), timeout=limit_s) as connection:
        connection.sendall(data)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def test_index(echo):
    body = echo.get("/").json
    assert body["predictions_url"] == "/predictions" and body["openapi_url"] == "/openapi.json"
    assert body["healthcheck_url"] == "/health-check" and body["shutdown_url"] == "/shutdown"
    assert body["predictions_idempotent_url"] == "/predictions/{prediction_id}"
    assert body["predictions_cancel_url"] == "/predictions/{prediction_id}/cancel"
    assert "trainings_url" not in body


def test_health(echo):
    answer = echo.get("/health-check")
    body = answer.json
    assert list(body) == ["status", "setup", "version"]
    assert body["status"] == "READY" and body["setup"]["status"] == "succeeded"
    assert body["setup"]["started_at"] <= body["setup"]["completed_at"]


def test_templates(echo):
    listed = echo.get("/templates").json["templates"]
    assert [entry["name"] for entry in listed] == ["echo", "sleeper", "counter"]
    assert [entry["default"] for entry in listed] == [True, False, False]
    for name in ("echo", "sleeper"):
        root = f"/templates/{name}"
        assert echo.get(f"{root}/health-check").status == 200
        assert echo.get(root).json["predictions_url"] == f"{root}/predictions"
    assert echo.get("/templates/counter/openapi.json").json["components"]["schemas"]["Output"][
        "x-cog-array-type"] == "iterator"
    assert echo.get("/templates/none/health-check").status == 404
    assert echo.post("/templates/none/predictions", {}).status == 404


@pytest.mark.parametrize("method, path, status, allow", [
    ("GET", "/nope", 404, None), ("GET", "/health-check/", 404, None), ("GET", "//", 404, None),
    ("POST", "/docs", 405, "GET,HEAD"), ("POST", "/", 405, "GET,HEAD"),
    ("FOO", "/", 405, "GET,HEAD"),
    ("GET", "/predictions", 405, "POST"), ("HEAD", "/predictions", 405, "POST"),
    ("OPTIONS", "/predictions", 405, "POST"), ("GET", "/predictions/x", 405, "PUT"),
    ("GET", "/shutdown", 405, "POST"), ("GET", "/predictions/x/cancel", 405, "POST"),
])
def test_404_and_405(echo, method, path, status, allow):
    answer = echo.request(method, path)
    assert (answer.status, answer.text, answer.headers.get("allow")) == (status, "", allow)


def test_head(echo):
    got, head = echo.get("/openapi.json"), echo.request("HEAD", "/openapi.json")
    assert (head.status, head.text) == (200, "")
    assert head.headers["content-length"] == got.headers["content-length"]


def test_bodies_that_cog_refuses(echo):
    bad = echo.post("/predictions", "{bad", headers=JSON)
    assert bad.status == 400 and bad.headers["content-type"] == "text/plain; charset=utf-8"
    assert bad.text.startswith("Failed to parse the request body as JSON: ")
    shape = echo.post("/predictions", {"id": 5})
    assert shape.status == 422
    assert shape.text.startswith("Failed to deserialize the JSON body into the target type: id: ")
    media = echo.post("/predictions", "{}", headers={"Content-Type": "text/plain"})
    assert media.status == 415
    stream = echo.post("/predictions", {"input": {}}, headers={"Accept": "text/event-stream"})
    assert stream.status == 406 and "streaming" in stream.json["error"]


def test_keep_alive_and_pipelining(echo):
    body = json.dumps({"input": {"seconds": 0.2, "message": "first"}})
    slow = ("POST /templates/sleeper/predictions HTTP/1.1\r\nHost: x\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    index = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    last = "GET /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    received = raw(echo.port, (slow + index * 3 + last).encode()).decode()
    statuses = re.findall(r"HTTP/1\.1 (\d+) ", received)
    assert statuses == ["200", "200", "200", "200", "404"]
    assert received.index('"first"') < received.index("cog_version")


def test_http_1_0_closes(echo):
    received = raw(echo.port, b"GET / HTTP/1.0\r\n\r\n")
    assert received.startswith(b"HTTP/1.0 200 OK\r\n") and b"connection: close" in received


def test_expect_continue(echo):
    body = json.dumps({"input": {"text": "x"}}).encode()
    head = (b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
    with socket.create_connection(("127.0.0.1", echo.port), timeout=10) as connection:
        connection.sendall(head)
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_chunked_body(echo):
    body = b'{"input":{"text":"chunked"}}'
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 5]), body[i:i + 5])
                      for i in range(0, len(body), 5)) + b"0\r\n\r\n"
    received = raw(echo.port, b"POST /predictions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                   b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    assert b'"text":"chunked"' in received


def test_malformed_requests_end_the_connection(echo):
    for data in [b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET  / HTTP/1.1\r\n\r\n",
                 b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
                 b"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                 b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]:
        received = raw(echo.port, data)
        assert received == b"" or received.startswith(b"HTTP/1.1 400 "), data
    assert raw(echo.port, b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n").startswith(
        b"HTTP/1.1 431 ")
    assert echo.get("/").status == 200


def test_large_bodies(echo):
    text = "a" * (60 << 20)
    answer = echo.predict({"text": text})
    assert answer.status == 200 and len(answer.json["output"]["text"]) == len(text)
    head = (b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % ((100 << 20) + 1))
    received = raw(echo.port, head)
    assert received.startswith(b"HTTP/1.1 413 ")
    assert received.endswith(b"Failed to buffer the request body: length limit exceeded")
    assert echo.health() == "READY"


def test_abrupt_connections_leave_nothing_behind(echo):
    def descriptors():
        return len(os.listdir(f"/proc/{echo.process.pid}/fd"))

    before = descriptors()
    for i in range(200):
        connection = socket.create_connection(("127.0.0.1", echo.port))
        connection.sendall([b"", b"GET", b"GET / HTTP/1.1\r\n\r\n",
                            b"POST /predictions HTTP/1.1\r\nContent-Length: 50\r\n\r\n{"][i % 4])
        if i % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    wait_until(lambda: descriptors() <= before + 2, what="closed descriptors")
    assert echo.get("/").status == 200


def test_many_idle_connections(echo):
    held = [socket.create_connection(("127.0.0.1", echo.port)) for _ in range(500)]
    assert echo.predict({"text": "x"}).status == 200
    for connection in held:
        connection.close()


def test_listens_at_once(serve):
    begin = time.monotonic()
    server = serve("echo", wait=None)
    wait_until(server.listening, what="listening")
    status = server.health()
    assert time.monotonic() - begin < 1, "the bench asks for 100 ms; a loaded machine gets a second"
    assert status in ("STARTING", "READY")
    server.wait_for("READY")


def test_503_until_set_up(serve):
    server = serve("throws_in_create", wait="SETUP_FAILED")
    answer = server.predict({})
    assert answer.status == 503
    assert answer.json["error"].startswith("Setup has not finished yet.")
    assert answer.json["status"] == "failed" and "detail" in answer.json
    setup = server.get("/health-check").json["setup"]
    assert setup["status"] == "failed" and setup["logs"]
    assert server.get("/openapi.json").status == 503


def run_dream(*arguments):
    return subprocess.run([BUILD / "bin" / "dream", "serve", "echo", "--weights", "none",
                           *arguments], capture_output=True, text=True, timeout=20,
                          env={**os.environ,
                               "DREAM_TEMPLATE_PATH": str(BUILD / "lib/dream/test_templates")})


def test_addresses_that_cannot_be_used(echo):
    taken = run_dream("--port", str(echo.port))
    assert taken.returncode == 1 and "taken" in taken.stderr and str(echo.port) in taken.stderr
    for arguments in (["--port", "70000"], ["--port", "x"], ["--host", "no such host"],
                      ["--host", "192.0.2.1", "--port", str(free_port())]):
        result = run_dream(*arguments)
        assert result.returncode == 2, (arguments, result.stderr)
        assert result.stderr


def test_shutdown_finishes_sync_requests(serve):
    server = serve("sleeper")
    results = []
    thread = threading.Thread(target=lambda: results.append(server.predict({"seconds": 1})))
    thread.start()
    server.wait_for("BUSY")
    idle = socket.create_connection(("127.0.0.1", server.port))
    workers = server.workers()
    assert workers
    answer = server.post("/shutdown")
    assert (answer.status, answer.text) == (200, "{}")
    assert server.wait_exit() == 0
    thread.join()
    assert results[0].json["status"] == "succeeded"
    assert idle.recv(10) == b""
    for pid in workers:
        assert not os.path.exists(f"/proc/{pid}")


def test_shutdown_tells_webhooks_of_async_predictions(serve, receiver):
    server = serve("sleeper", args=["--drain-timeout", "0.5"])
    server.start({"seconds": 60}, id="cut", webhook=receiver.url)
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert receiver.terminal("cut", 1)["status"] in ("canceled", "failed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_the_server(serve, number):
    server = serve("echo")
    server.signal(number)
    assert server.wait_exit(5) == 0


def test_sigterm_is_ignored_under_await_explicit_shutdown(serve):
    server = serve("echo", args=["--await-explicit-shutdown", "true"])
    server.signal(signal.SIGTERM)
    time.sleep(0.3)
    assert server.health() == "READY"
    server.post("/shutdown")
    assert server.wait_exit(5) == 0


def test_a_second_signal_ends_what_is_running(serve):
    server = serve("sleeper")
    thread = threading.Thread(target=server.predict, args=[{"seconds": 60}])
    thread.start()
    server.wait_for("BUSY")
    server.signal(signal.SIGINT)
    time.sleep(0.2)
    assert server.process.poll() is None
    server.signal(signal.SIGINT)
    assert server.wait_exit(10) == 0
    thread.join()
