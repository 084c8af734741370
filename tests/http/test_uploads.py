"""Files of outputs on their way to --upload-url: order, retries, failures, what is told."""

import http.server
import re
import time

import pytest
from events import Stream, names
from harness import JSON, LocalServer, Server, wait_until

TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
         "tracestate": "a=b"}


class Bucket(LocalServer):
    """Takes PUTs. `answers` maps a path to the statuses of its next answers, then 200; `delays` to
    seconds; `locations` to a Location header."""

    def __init__(self):
        self.puts, self.answers, self.delays, self.locations = [], {}, {}, {}
        bucket = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(bucket.delays.get(self.path, 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                bucket.puts.append((self.path, headers, body))
                statuses = bucket.answers.get(self.path, [])
                self.send_response(statuses.pop(0) if statuses else 200)
                if self.path in bucket.locations:
                    self.send_header("Location", bucket.locations[self.path])
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        super().__init__(Handler)

    def paths(self):
        return [path for path, _, _ in self.puts]


@pytest.fixture(scope="module")
def stored():
    with Bucket() as one:
        yield one


@pytest.fixture
def bucket(stored):
    stored.puts.clear()
    for conduct in (stored.answers, stored.delays, stored.locations):
        conduct.clear()
    return stored


@pytest.fixture(scope="module")
def server(stored):
    one = Server("file_series", "trainer", "echo",
                 args=["--upload-url", f"{stored.url}/up", "--concurrency", "3"])
    yield one
    one.kill()


def test_files_are_put_and_told_by_url(server, bucket):
    answer = server.post("/predictions", {"id": "u1", "input": {"count": 3}},
                         headers={**TRACE, **JSON})
    body = answer.json
    assert body["status"] == "succeeded", body
    assert body["output"] == [f"{bucket.url}/up/file-{i}.txt" for i in range(3)]
    assert sorted(bucket.paths()) == [f"/up/file-{i}.txt" for i in range(3)]
    path, headers, content = min(bucket.puts)
    assert content == b"a" * 10 and headers["content-type"] == "text/plain"
    assert headers["x-prediction-id"] == "u1"
    assert {name: headers[name] for name in TRACE} == TRACE
    assert "expect" not in headers and "transfer-encoding" not in headers


def test_outputs_keep_their_order_however_the_uploads_end(server, bucket, receiver):
    bucket.delays["/up/file-0.txt"] = 0.4
    body = server.post("/predictions", {"id": "u2", "input": {"count": 3},
                                        "webhook": receiver.url}).json
    assert body["output"] == [f"{bucket.url}/up/file-{i}.txt" for i in range(3)]
    assert bucket.paths()[-1] == "/up/file-0.txt"
    assert receiver.terminal("u2")["output"] == body["output"]
    partial = [hook["output"] for hook in receiver.of("u2") if hook["status"] == "processing"]
    assert all(not output or output == body["output"][:len(output)] for output in partial)


def test_streams_tell_urls_too(server, bucket):
    with Stream(server.port, "POST", "/predictions", {"input": {"count": 2}}) as stream:
        events = list(stream)
    assert [event.data["chunk"] for event in events if event.name == "output"] == [
        f"{bucket.url}/up/file-{i}.txt" for i in range(2)]
    assert names(events)[-1] == "completed"


def test_async_predictions_and_trainings_upload_as_well(server, bucket, receiver):
    server.start({"count": 1}, id="u3", webhook=receiver.url)
    assert receiver.terminal("u3")["output"] == [f"{bucket.url}/up/file-0.txt"]
    body = server.post("/templates/trainer/trainings", {"input": {"name": "my", "steps": 1}}).json
    assert body["output"] == f"{bucket.url}/up/my.bin"
    assert server.predict({"text": "x"}, "echo").json["output"]["text"] == "x"


def test_transient_refusals_are_tried_again(server, bucket):
    bucket.answers["/up/file-0.txt"] = [503, 429, 500]
    body = server.predict({"count": 1}).json
    assert body["status"] == "succeeded" and len(bucket.puts) == 4
    assert [content for _, _, content in bucket.puts] == [b"a" * 10] * 4


def test_a_failing_upload_fails_the_prediction(server, bucket, receiver):
    bucket.answers["/up/file-1.txt"] = [403]
    body = server.post("/predictions", {"id": "u4", "input": {"count": 50, "delay_ms": 50},
                                        "webhook": receiver.url}).json
    assert body["status"] == "failed"
    assert body["error"] == "cannot upload file-1.txt: the server answered 403"
    assert body["error"] in body["logs"]
    assert len(bucket.puts) < 20, "the run goes on although its output is lost"
    assert receiver.terminal("u4")["error"] == body["error"]
    assert server.predict({"count": 1}).json["status"] == "succeeded"


def test_an_upload_that_stays_refused_fails_it_after_the_retries(server, bucket):
    bucket.answers["/up/file-0.txt"] = [503] * 10
    body = server.predict({"count": 1}).json
    assert body["status"] == "failed" and "503" in body["error"] and len(bucket.puts) == 4


def test_nobody_listens(serve):
    server = serve("file_series", args=["--upload-url", "http://127.0.0.1:1/x"])
    body = server.predict({"count": 1}).json
    assert body["status"] == "failed" and body["error"].startswith("cannot upload file-0.txt: ")


def test_a_cancel_ends_the_wait_for_an_upload(server, bucket, receiver):
    bucket.delays["/up/file-0.txt"] = 5
    server.start({"count": 1}, id="u5", webhook=receiver.url)
    time.sleep(0.3)
    assert server.request("PUT", "/predictions/u5", {}).json["status"] == "processing"
    begin = time.monotonic()
    assert server.post("/predictions/u5/cancel").status == 200
    assert receiver.terminal("u5")["status"] == "canceled"
    assert time.monotonic() - begin < 3


def test_redirects_are_followed_and_locations_believed(server, bucket):
    bucket.answers["/up/file-0.txt"] = [307]
    bucket.locations["/up/file-0.txt"] = "/moved/here.txt?signature=s"
    body = server.predict({"count": 1}).json
    assert body["output"] == [f"{bucket.url}/moved/here.txt"]
    assert bucket.puts[-1][2] == b"a" * 10
    bucket.answers["/up/file-0.txt"] = [201]
    bucket.locations["/up/file-0.txt"] = "https://cdn.example/kept.txt?expires=1"
    assert server.predict({"count": 1}).json["output"] == ["https://cdn.example/kept.txt"]


def test_signed_urls_keep_their_query_and_names_are_escaped(serve, bucket):
    server = serve("file_series", args=["--upload-url", f"{bucket.url}/signed?sig=a/b&e=1"])
    body = server.predict({"count": 1, "name": "a b##?%.png"}).json
    assert bucket.paths() == ["/signed/a%20b0%23%3F%25.png?sig=a/b&e=1"]
    assert body["output"] == [f"{bucket.url}/signed/a%20b0%23%3F%25.png"]


def test_equal_names_do_not_meet(server, bucket):
    body = server.predict({"count": 3, "name": "same.txt"}).json
    assert len(set(body["output"])) == 3 and len(set(bucket.paths())) == 3


def test_large_files(server, bucket):
    body = server.predict({"count": 1, "bytes": 50_000_000}).json
    assert body["status"] == "succeeded" and len(bucket.puts[0][2]) == 50_000_000


def test_a_url_that_cannot_be_used_is_refused_at_the_start(serve):
    server = serve("file_series", args=["--upload-url", "ftp://x/"], wait=None)
    assert server.wait_exit() == 2
    assert "'ftp://x/' is not an http or https URL" in server.log()


def test_legacy_uploads_go_where_the_client_says(serve, bucket, receiver):
    server = serve("file_series", args=["--compat", "legacy", "--upload-url", f"{bucket.url}/op"])
    body = server.predict({"count": 1}, output_file_prefix=f"{bucket.url}/mine/").json
    assert body["output"] == [f"{bucket.url}/mine/file-0.txt"]
    path, headers, content = bucket.puts[0]
    assert path == "/mine/file-0.txt" and headers["content-type"].startswith("multipart/form-data")
    assert re.search(rb'name="file"; filename="file-0.txt"\r\n'
                     rb'Content-Type: text/plain\r\n\r\na{10}', content)
    assert server.predict({"count": 1}).json["output"][0].startswith("data:")
    server.start({"count": 1}, id="old", webhook=receiver.url)
    wait_until(lambda: receiver.of("old"), what="webhooks")
    assert receiver.terminal("old")["output"] == [f"{bucket.url}/op/file-0.txt"]
