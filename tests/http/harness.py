"""A running `dream serve`, an HTTP client that shows everything, and a webhook receiver."""

import collections
import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DREAM_BUILD_DIR", ROOT / "build" / "dev")).resolve()
JSON = {"Content-Type": "application/json"}

Answer = collections.namedtuple("Answer", "status headers text")
Answer.json = property(lambda self: json.loads(self.text))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(check, limit_s=15, what="the condition"):
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true within {limit_s} s")


class Client:
    """One request per connection; `port` may belong to any Cog server. `trust`: an ssl.SSLContext
    for one that speaks HTTPS."""

    def __init__(self, port, trust=None):
        self.port = port
        self.trust = trust

    def connection(self, timeout=30):
        if self.trust is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        return http.client.HTTPSConnection("localhost", self.port, timeout=timeout,
                                           context=self.trust)

    def request(self, method, path, body=None, headers=None, timeout=30):
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        connection = self.connection(timeout)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, answer.read().decode())
        finally:
            connection.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body, **options)

    def predict(self, inputs, template=None, **fields):
        prefix = f"/templates/{template}" if template else ""
        return self.post(f"{prefix}/predictions", {"input": inputs, **fields})

    def start(self, inputs, template=None, **fields):
        prefix = f"/templates/{template}" if template else ""
        return self.post(f"{prefix}/predictions", {"input": inputs, **fields},
                         headers={"Prefer": "respond-async", **JSON})

    def put_running(self, identity):
        """The status of asking for a prediction that is in work; that it runs again is no aim."""
        return self.request("PUT", f"/predictions/{identity}", {"input": {}}).status

    def health(self):
        return self.get("/health-check").json["status"]

    def wait_for(self, *states, limit_s=15):
        return wait_until(lambda: (lambda s: s if s in states else None)(self.health()), limit_s,
                          f"health {' or '.join(states)}")


class Server(Client):
    def __init__(self, *templates, args=(), env=None, wait="READY", weights="none",
                 folder=None, trust=None):
        super().__init__(free_port(), trust)
        self.log_file = tempfile.NamedTemporaryFile("w+", prefix="dream-log-", delete=False)
        self.downloads = tempfile.TemporaryDirectory(prefix="dream-downloads-")
        environment = {**os.environ, "DREAM_DOWNLOAD_CACHE": self.downloads.name,
                       "DREAM_TEMPLATE_PATH": str(BUILD / "lib/dream/test_templates"),
                       "COG_THROTTLE_RESPONSE_INTERVAL": "0", **(env or {})}
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            [BUILD / "bin" / "dream", "serve", *templates, "--port", str(self.port), "--weights",
             str(weights), *args], stderr=self.log_file, stdout=subprocess.DEVNULL, env=environment,
            cwd=folder)
        if wait:
            self.wait_listening()
            self.wait_for(wait)

    def wait_listening(self):
        wait_until(self.listening, what="listening")

    def listening(self):
        assert self.process.poll() is None, self.log()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        return pathlib.Path(self.log_file.name).read_text()

    def workers(self):
        lines = subprocess.run(["ps", "-eo", "pid,ppid,stat,args"], capture_output=True,
                               text=True).stdout.splitlines()[1:]
        return [int(pid) for pid, parent, state, args in (line.split(None, 3) for line in lines)
                if int(parent) == self.process.pid and "dream-worker" in args
                and not state.startswith("Z")]

    def private_bytes(self):
        """Of the only worker: what it does not share with files, as the kernel counts."""
        [worker] = self.workers()
        status = pathlib.Path(f"/proc/{worker}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) * 1024

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, limit_s=15):
        return self.process.wait(limit_s)

    def kill(self):
        if self.process.poll() is None:
            self.signal(signal.SIGINT)
            self.signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log_file.close()
        self.downloads.cleanup()
        os.unlink(self.log_file.name)


class LocalServer:
    """An HTTP server of the test's own on loopback, until close() or the end of its `with`."""

    def __init__(self, handler, port=0):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.close()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Receiver(LocalServer):
    """Keeps every webhook; `answers` are the statuses of the first ones, then 200."""

    def __init__(self, answers=(), port=0):
        self.answers = list(answers)
        self.bodies = []
        self.texts = []
        self.headers = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.headers.append({k.lower(): v for k, v in self.headers.items()})
                receiver.texts.append(body.decode())
                receiver.bodies.append(json.loads(body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        super().__init__(Handler, port)
        self.url += "/hook"

    def deliveries(self):
        """(headers, body as text) of each."""
        return list(zip(self.headers, self.texts))

    def of(self, identity):
        return [body for body in self.bodies if body["id"] == identity]

    def terminal(self, identity, limit_s=15):
        ends = ("succeeded", "failed", "canceled")
        return wait_until(lambda: next((body for body in self.of(identity)
                                        if body["status"] in ends), None),
                          limit_s, f"the terminal webhook of {identity}")
