"""Running predictions: sync, async, idempotent, canceled, refused."""

import base64
import http.server
import json
import socket
import threading
import time

import pytest
from harness import JSON, LocalServer, wait_until


def test_sync(echo):
    answer = echo.predict({"text": "hello", "count": 5.0})
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json
    assert body["status"] == "succeeded"
    assert body["output"]["text"] == "hello" and body["output"]["count"] == 5
    assert body["error"] is None and body["input"] == {"text": "hello", "count": 5.0}
    assert body["metrics"]["predict_time"] > 0
    assert body["created_at"] <= body["started_at"] <= body["completed_at"]
    assert answer.headers["x-prediction-id"] == body["id"]
    assert answer.text == json.dumps(body, sort_keys=True, separators=(",", ":"),
                                     ensure_ascii=False)


def test_text_comes_back_unchanged(echo):
    for text in ["", "é😀漢字", 'quote " and \\', "line\nbreak\ttab", "\u0000", "a" * 100_000]:
        assert echo.predict({"text": text}).json["output"]["text"] == text


def test_secrets_are_not_shown(echo):
    answer = echo.predict({"text": "x", "secret": "hunter2"})
    assert answer.json["status"] == "succeeded"
    assert "hunter2" not in answer.text and "hunter2" not in echo.log()


def test_null_where_the_schema_says_nullable(echo):
    body = echo.predict({"text": "x", "note": None, "file": None, "either": None}).json
    assert body["status"] == "succeeded" and body["output"]["note"] is None


@pytest.mark.parametrize("inputs, where, message, kind", [
    ({}, "text", "Field required", "value_error.missing"),
    ({"text": 5}, "text", '5 is not of type "string"', "value_error"),
    ({"text": None}, "text", 'null is not of type "string"', "value_error"),
    ({"text": "x", "number": 11}, "number", "11 is greater than the maximum of 10", "value_error"),
    ({"text": "x", "number": -0.5}, "number", "-0.5 is less than the minimum of 0", "value_error"),
    ({"text": "x", "count": "3"}, "count", '"3" is not of type "integer"', "value_error"),
    ({"text": "x", "count": 1.5}, "count", '1.5 is not of type "integer"', "value_error"),
    ({"text": "x", "flag": 1}, "flag", '1 is not of type "boolean"', "value_error"),
    ({"text": "x", "choice": "z"}, "choice", '"z" is not one of ["a","b","c"]', "value_error"),
    ({"text": "x", "numbers": [1, "b"]}, "numbers/1", '"b" is not of type "integer"',
     "value_error"),
    ({"text": "x", "numbers": 1}, "numbers", '1 is not of type "array"', "value_error"),
    ({"text": "x", "either": 1.5}, "either",
     "1.5 is not valid under any of the schemas listed in the 'anyOf' keyword", "value_error"),
    ({"text": "x", "file": "/etc/passwd"}, "file",
     "'/etc/passwd' is not a valid URL scheme. 'data', 'http', or 'https' is supported.",
     "value_error"),
])
def test_422(echo, inputs, where, message, kind):
    answer = echo.predict(inputs)
    assert answer.status == 422
    assert answer.json == {"detail": [{"loc": ["body", "input", where], "msg": message,
                                       "type": kind}]}


def test_unknown_inputs_are_dropped(echo):
    body = echo.predict({"text": "x", "zzz": 1}).json
    assert body["status"] == "succeeded" and "zzz" not in body["input"]
    assert "zzz" in echo.log()


def test_data_url_inputs(echo):
    encoded = base64.b64encode(b"hello").decode()
    for url in [f"data:text/plain;base64,{encoded}", "data:text/plain,hello",
                f"data:text/plain; charset=utf-8;base64,{encoded}"]:
        body = echo.predict({"text": "x", "file": url}).json
        assert body["output"]["file"] == {"size": 5, "content": "hello"}, body
    body = echo.predict({"text": "x", "file": "data:bad"}).json
    assert body["status"] == "failed"
    assert body["error"].startswith("Input validation error: file: ")


class Files(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/real.txt")
            self.end_headers()
            return
        if self.path == "/slow":
            time.sleep(3)
        content = b"downloaded"
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def files():
    with LocalServer(Files) as server:
        yield server.url


def test_url_inputs(echo, files):
    for path in ["/real.txt", "/redirect", "/no-suffix"]:
        body = echo.predict({"text": "x", "file": files + path}).json
        assert body["output"]["file"] == {"size": 10, "content": "downloaded"}, body
    body = echo.predict({"text": "x", "file": files + "/missing"}).json
    assert body["status"] == "failed" and "404" in body["error"]
    assert body["error"].startswith("Input validation error: ")
    body = echo.predict({"text": "x", "file": "http://127.0.0.1:1/x"}).json
    assert body["status"] == "failed"


def test_a_prediction_whose_files_are_being_fetched(serve, files, receiver):
    server = serve("echo")
    answer = server.start({"text": "x", "file": files + "/slow"}, id="slow", webhook=receiver.url)
    assert answer.status == 202
    assert server.predict({"text": "y"}).status == 409  # it holds the slot
    running = server.request("PUT", "/predictions/slow", {"input": {"text": "x"}})
    assert running.status == 202 and running.json["status"] == "starting"
    assert server.post("/predictions/slow/cancel").status == 200
    end = receiver.terminal("slow")
    assert end["status"] == "canceled" and end["error"] is None
    wait_until(lambda: server.predict({"text": "y"}).status == 200, what="a free slot")


def test_iterator_output_and_logs(echo):
    body = echo.predict({"count": 3, "prefix": "n"}, template="counter").json
    assert body["output"] == ["n-0", "n-1", "n-2"]
    assert "counted n-2" in body["logs"]
    assert body["metrics"]["counted"] == 3
    assert echo.predict({"count": 0}, template="counter").json["output"] == []


def test_failure_keeps_logs_and_message(echo):
    body = echo.predict({"seconds": 0.1, "crash": "it broke"}, template="sleeper").json
    assert body["status"] == "failed" and body["output"] is None
    assert body["error"].endswith("it broke")
    assert body["error"].count("Prediction failed") <= 1
    assert "sleeping" in body["logs"]


def test_async_with_webhooks(echo, receiver):
    answer = echo.start({"count": 3}, template="counter", id="hooked", webhook=receiver.url)
    assert (answer.status, answer.json) == (202, {"id": "hooked", "status": "starting"})
    end = receiver.terminal("hooked")
    events = receiver.of("hooked")
    assert events[0]["status"] == "processing" and events[0]["output"] is None
    lengths = [len(body["output"] or []) for body in events]
    assert set(lengths) == {0, 1, 2, 3} and lengths == sorted(lengths)  # every output, in order
    assert end["output"] == ["item-0", "item-1", "item-2"]
    assert any("counted item-0" in body["logs"] and body["status"] == "processing"
               for body in events)
    assert events[-1] == end and end["status"] == "succeeded" and end["metrics"]["predict_time"] > 0


def test_webhook_filter_and_trace(echo, receiver):
    headers = {"Prefer": "respond-async", "traceparent": "00-aa-bb-01", "tracestate": "k=v", **JSON}
    echo.post("/templates/counter/predictions",
              {"id": "few", "input": {"count": 2}, "webhook": receiver.url,
               "webhook_events_filter": ["completed"]}, headers=headers)
    receiver.terminal("few")
    assert [body["status"] for body in receiver.of("few")] == ["succeeded"]
    assert receiver.headers[0]["traceparent"] == "00-aa-bb-01"
    assert receiver.headers[0]["tracestate"] == "k=v"
    assert receiver.headers[0]["user-agent"].startswith("dream/")
    assert receiver.headers[0]["content-type"] == "application/json"


def test_sync_requests_send_webhooks_too(echo, receiver):
    body = echo.predict({"text": "x"}, id="both", webhook=receiver.url).json
    end = receiver.terminal("both")
    assert end == body


def test_terminal_webhook_is_retried(echo, receiver):
    receiver.answers = [503, 500]
    echo.predict({"text": "x"}, id="again", webhook=receiver.url,
                 webhook_events_filter=["completed"])
    wait_until(lambda: len(receiver.of("again")) == 3, what="three deliveries")


def test_put_is_idempotent(echo):
    path = "/templates/sleeper/predictions/same"
    body = {"input": {"seconds": 1}}
    first = echo.request("PUT", path, body, headers={"Prefer": "respond-async", **JSON})
    assert first.status == 202
    second = echo.request("PUT", path, body)
    assert second.status == 202 and second.json["status"] == "processing"
    assert second.json["id"] == "same" and second.json["input"] == {"seconds": 1}
    mismatch = echo.request("PUT", path, {"id": "other", "input": {}})
    assert mismatch.status == 422
    assert mismatch.json["detail"][0] == {
        "loc": ["body", "id"], "msg": "prediction ID must match the ID supplied in the URL",
        "type": "value_error"}
    wait_until(lambda: echo.health() == "READY", what="the end of it")
    third = echo.request("PUT", path, {"input": {"seconds": 0}})
    assert third.status == 200 and third.json["status"] == "succeeded"


def test_cancel(echo, receiver):
    echo.start({"seconds": 30}, template="sleeper", id="stop", webhook=receiver.url)
    assert echo.post("/predictions/stop/cancel").status == 200
    assert receiver.terminal("stop")["status"] == "canceled"
    answer = echo.post("/predictions/stop/cancel")
    assert (answer.status, answer.text) == (404, "{}")


def test_sync_prediction_is_canceled_by_another_client(echo):
    results = []
    thread = threading.Thread(target=lambda: results.append(
        echo.predict({"seconds": 30}, template="sleeper", id="sync-stop")))
    thread.start()
    wait_until(lambda: echo.post("/predictions/sync-stop/cancel").status == 200, what="cancel")
    thread.join(10)
    assert results[0].status == 200 and results[0].json["status"] == "canceled"


def test_409_while_busy(echo):
    echo.start({"seconds": 5}, template="sleeper", id="busy")
    assert echo.health() == "BUSY"
    answer = echo.predict({"text": "x"})
    assert answer.status == 409
    assert answer.json == {"error": "At capacity - all prediction slots busy", "status": "failed",
                           "detail": "Already running a prediction"}
    assert echo.predict({}).status == 422  # before capacity
    echo.post("/predictions/busy/cancel")
    echo.wait_for("READY")


def test_strictly_sequential_requests_never_meet_a_busy_slot(echo):
    assert {echo.predict({"text": str(i)}).status for i in range(200)} == {200}


def test_client_disconnect_cancels(echo, receiver):
    body = json.dumps({"id": "left", "input": {"seconds": 30}, "webhook": receiver.url})
    with socket.create_connection(("127.0.0.1", echo.port)) as connection:
        connection.sendall(
            f"POST /templates/sleeper/predictions HTTP/1.1\r\nHost: x\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        wait_until(lambda: receiver.of("left"), what="the start")
    assert receiver.terminal("left")["status"] == "canceled"
    echo.wait_for("READY")


def test_several_slots(serve):
    server = serve("sleeper", args=["--concurrency", "3"])
    begin = time.monotonic()
    threads = [threading.Thread(target=server.predict, args=[{"seconds": 0.5}]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begin < 1.4
