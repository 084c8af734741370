"""Predictions watched over server-sent events, beside the real Cog server where it can do the same.
"""

import os
import socket
import threading
import time

import pytest
from coglet import COG, Coglet
from events import Stream, names
from harness import JSON, Server, wait_until
from report import add_to_report


@pytest.fixture(scope="module")
def server():
    with_slots = Server("counter", "echo", "trainer", "file_series", args=["--concurrency", "3"])
    yield with_slots
    with_slots.kill()


def start(server, identity, count, delay_ms=0, path="/predictions"):
    answer = server.request("PUT", f"{path}/{identity}",
                            {"input": {"count": count, "delay_ms": delay_ms}},
                            {"Prefer": "respond-async", **JSON})
    assert answer.status == 202, answer.text


def test_a_stream_from_start_to_end(server):
    with Stream(server.port, "POST", "/predictions", {"id": "s1", "input": {"count": 2}}) as stream:
        assert stream.status == 200
        assert stream.headers["content-type"] == "text/event-stream"
        assert stream.headers["cache-control"] == "no-cache"
        assert stream.headers["x-prediction-id"] == "s1"
        events = list(stream)
    assert events[0] == ("start", {"id": "s1", "status": "processing"})
    assert [e.data for e in events if e.name == "output"] == [
        {"chunk": "item-0", "index": 0}, {"chunk": "item-1", "index": 1}]
    logs = [e.data for e in events if e.name == "log"]
    assert {"data": "counted item-0\n", "source": "stdout"} in logs
    assert any("2/2" in log["data"] and log["source"] == "stderr" for log in logs)
    assert [e.data for e in events if e.name == "metric"] == [
        {"mode": "replace", "name": "counted", "value": 2}]
    end = events[-1]
    assert end.name == "completed" and end.data["status"] == "succeeded"
    assert end.data["output"] == ["item-0", "item-1"] and end.data["metrics"]["counted"] == 2
    assert end.data["logs"] == "".join(log["data"] for log in logs)


def test_the_connection_goes_on_after_a_stream(server):
    with Stream(server.port, "POST", "/predictions", {"input": {"count": 1}}) as stream:
        assert list(stream)[-1].name == "completed"
        stream.connection.request("GET", "/health-check")
        assert stream.connection.getresponse().status == 200


def without_additions(events):
    """What the real server tells too: its events, in its form."""
    kept = []
    for name, data in events:
        if name == "log" and "it/s]" in data["data"]:
            continue
        if name == "completed":
            added = {"input", "created_at", "started_at", "completed_at", "error"}
            data = {key: value for key, value in data.items() if key not in added}
            data["logs"] = "".join(line for line in data["logs"].splitlines(True)
                                   if "it/s]" not in line)
            data["metrics"]["predict_time"] = 0
        kept.append((name, data))
    return kept


def test_the_same_events_as_the_real_server(server):
    if not COG.exists():
        pytest.skip(".deps/cog is missing: tools/test installs it")
    real = Coglet("counter", server.get("/openapi.json").json)
    try:
        for count in (0, 1, 3):
            body = {"id": "same", "input": {"count": count, "prefix": "é"}}
            told = []
            for port in (real.port, server.port):
                with Stream(port, "PUT", "/predictions/same", body) as stream:
                    # Logs and outputs come to the real server over two ways: in any order.
                    told.append(sorted(without_additions(stream), key=lambda event: event[0]))
                wait_until(lambda port=port: real.health() == "READY", what="a free slot")
            assert told[0] == told[1]
        for path, accept in [("/trainings", "text/event-stream"),
                             ("/predictions", "text/event-stream;q=1, */*")]:
            answers = [one.post(path, {"input": {"count": 0}}, headers={"Accept": accept, **JSON})
                       for one in (real, server)]
            if path == "/predictions":
                assert {answer.status for answer in answers} == {200}
    finally:
        real.kill()


@pytest.mark.parametrize("path, text", [
    ("/templates/echo/predictions",
     "This model does not support streaming responses. Add @cog.streaming to predict() to enable "
     "SSE."),
    ("/templates/trainer/trainings",
     "Training endpoints do not support streaming responses."),
])
def test_406_where_nothing_can_be_streamed(server, path, text):
    for method, where in [("POST", path), ("PUT", path + "/x")]:
        answer = server.request(method, where, {"input": {"text": "x", "name": "x"}},
                                {"Accept": "text/event-stream", **JSON})
        assert answer.status == 406 and answer.json == {"error": text}


def test_bad_input_and_ids_are_told_as_elsewhere(server):
    accept = {"Accept": "text/event-stream", **JSON}
    answer = server.request("POST", "/predictions", {"input": {"count": "x"}}, accept)
    assert answer.status == 422
    answer = server.request("PUT", "/predictions/a", {"id": "b", "input": {}}, accept)
    assert answer.status == 422 and answer.json["detail"][0]["loc"] == ["body", "id"]
    answer = server.request("POST", "/predictions?events=nothing", {"input": {}}, accept)
    assert answer.status == 422 and answer.json["detail"][0]["loc"] == ["query", "events"]


def events_from_the_middle(server, identity, **inputs):
    """Of a prediction that has put out two items when the watcher comes."""
    path = f"/predictions/{identity}"
    start(server, identity, **inputs)
    wait_until(lambda: "item-1" in server.request("PUT", path, {}).text, what="two items")
    with Stream(server.port, "PUT", path, {}) as stream:
        return list(stream)


def test_put_attaches_to_a_running_prediction(server):
    events = events_from_the_middle(server, "late", count=5, delay_ms=200)
    outputs = [event.data["index"] for event in events if event.name == "output"]
    assert outputs == [0, 1, 2, 3, 4] and names(events)[0] == "start"


def test_history_is_bounded_and_can_be_switched_off(serve):
    server = serve("counter", env={"COG_STREAM_HISTORY_CAPACITY": "2"})
    events = events_from_the_middle(server, "cut", count=30, delay_ms=100)
    assert names(events) == ["error"]
    assert events[0].data["error"] == "SSE stream replay truncated; events were dropped"
    assert events[0].data["skipped"] >= 4
    server.post("/predictions/cut/cancel")

    server = serve("counter", env={"COG_STREAM_HISTORY_CAPACITY": "0"})
    events = events_from_the_middle(server, "none", count=10, delay_ms=100)
    assert "start" not in names(events) and "error" not in names(events)
    assert events[-1].data["status"] == "succeeded"


def test_the_last_one_who_leaves_cancels_what_a_stream_created(server, receiver):
    body = {"id": "watched", "input": {"count": 1000, "delay_ms": 50}, "webhook": receiver.url}
    first = Stream(server.port, "POST", "/predictions", body)
    first.until("output")
    second = Stream(server.port, "PUT", "/predictions/watched", {})
    second.until("output")
    first.close()
    second.until("output")
    assert server.request("PUT", "/predictions/watched", {}).json["status"] == "processing"
    second.close()
    assert receiver.terminal("watched")["status"] == "canceled"


def test_leaving_does_not_cancel_what_a_stream_did_not_create(server):
    start(server, "free", count=10, delay_ms=50)
    with Stream(server.port, "PUT", "/predictions/free", {}) as stream:
        stream.until("output")
    with Stream(server.port, "PUT", "/predictions/free", {}) as stream:
        assert stream.until("completed")[-1].data["status"] == "succeeded"


def test_a_cancel_is_the_end_of_a_stream(server):
    with Stream(server.port, "POST", "/predictions",
                {"id": "c", "input": {"count": 1000, "delay_ms": 50}}) as stream:
        stream.until("output")
        assert server.post("/predictions/c/cancel").status == 200
        assert stream.until("completed")[-1].data["status"] == "canceled"


def test_progress_for_those_who_ask(server):
    with Stream(server.port, "POST", "/predictions?events=progress",
                {"input": {"count": 5, "delay_ms": 60}}) as stream:
        events = list(stream)
    steps = [event.data for event in events if event.name == "progress"]
    assert steps and steps[-1]["step"] == steps[-1]["steps"] == 5
    assert set(steps[0]) == {"step", "steps", "elapsed_s", "label"}
    assert steps == sorted(steps, key=lambda one: one["step"])


def test_files_come_as_data_urls(server):
    with Stream(server.port, "POST", "/templates/file_series/predictions",
                {"input": {"count": 2, "name": "#.txt"}}) as stream:
        events = list(stream)
    chunks = [event.data["chunk"] for event in events if event.name == "output"]
    assert chunks[0].startswith("data:text/plain;base64,") and len(chunks) == 2
    assert events[-1].data["output"] == chunks


def test_so_many_may_watch(server):
    """1024 streams of one prediction, all of which see its end; the next one is refused."""
    start(server, "crowd", count=1000, delay_ms=500)
    request = (b"PUT /predictions/crowd HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
               b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    crowd = []
    try:
        for _ in range(1024):
            crowd.append(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            crowd[-1].sendall(request)
        for one in crowd:
            received = b""
            while b"event: start" not in received:
                chunk = one.recv(4096)
                assert chunk, received
                received += chunk
        answer = server.request("PUT", "/predictions/crowd", {},
                                {"Accept": "text/event-stream", **JSON})
        assert answer.status == 429 and answer.json == {"error": "Too many stream subscribers"}
        server.post("/predictions/crowd/cancel")
        for one in crowd:
            received = b""
            while not received.endswith(b"\r\n0\r\n\r\n"):
                chunk = one.recv(65536)
                assert chunk, "closed before the end"
                received += chunk
            assert b"event: completed" in received
        add_to_report("streams", {"streams": len(crowd)})
    finally:
        for one in crowd:
            one.close()


def test_a_reader_that_stands_still_holds_nobody_up(serve):
    """6,000 long events for a client that reads none of them: it loses events and is told."""
    server = serve("counter")
    body = '{"id":"slow","input":{"count":6000,"prefix":"%s"}}' % ("x" * 2000)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.sendall(f"POST /predictions HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
                       f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                       f"{body}".encode())
        server.wait_for("BUSY")
        server.wait_for("READY", limit_s=60)
        client.settimeout(10)
        received = b""
        while b"events were dropped" not in received:
            chunk = client.recv(1 << 20)
            assert chunk and b"event: completed" not in chunk
            received = received[-4096:] + chunk
        assert b"SSE stream lagged; events were dropped" in received


@pytest.mark.skipif(not os.environ.get("DREAM_FULL"), reason="waits for Cog's 15 s")
def test_silence_is_filled_with_comments(serve):
    """Cog's interval is 15 s: nothing of a stream is silent for longer."""
    server = serve("counter")
    begin = time.monotonic()
    with Stream(server.port, "POST", "/predictions",
                {"input": {"count": 1, "delay_ms": 17000}}) as stream:
        events = list(stream)
    assert (":", "keep-alive") in events and events[-1].name == "completed"
    assert time.monotonic() - begin < 20


def test_shutdown_lets_streams_end(serve):
    server = serve("counter")
    with Stream(server.port, "POST", "/predictions",
                {"input": {"count": 5, "delay_ms": 100}}) as stream:
        stream.until("output")
        threading.Thread(target=server.post, args=("/shutdown",)).start()
        assert stream.until("completed")[-1].data["status"] == "succeeded"
    assert server.wait_exit() == 0


def test_http_1_0_has_streams_without_chunks(server):
    body = b'{"input":{"count":1}}'
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"POST /predictions HTTP/1.0\r\nAccept: text/event-stream\r\n"
                       b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                       + body)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
    head, _, content = received.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert content.startswith(b"event: start\n") and b"event: completed\n" in content
