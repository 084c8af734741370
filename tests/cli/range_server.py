"""A loopback server with ranges that misbehaves on purpose, and a pull from it."""
import hashlib
import json
import random
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

SMALL = random.Random(1).randbytes(100_000)
LARGE = random.Random(2).randbytes(20 << 20)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.send_body(body)

    def send_body(self, body):
        server = self.server
        for at in range(0, len(body), 1 << 16):
            if server.cuts and at >= 1 << 18:  # half a body, then the line goes dead
                server.cuts -= 1
                self.close_connection = True
                self.connection.shutdown(2)
                return
            time.sleep(server.pause_s)
            try:
                self.wfile.write(body[at:at + (1 << 16)])
            except OSError:
                self.close_connection = True
                return
            with server.lock:
                server.sent += len(body[at:at + (1 << 16)])

    def do_GET(self):
        server = self.server
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        with server.lock:
            server.requests.append(self.headers.get("Range"))
            failing, server.failures = server.failures > 0, max(0, server.failures - 1)
        if failing:
            return self.answer(503, b"busy")
        if self.path in server.redirects:
            return self.answer(302, b"", [("Location", server.redirects[self.path]),
                                          ("ETag", '"of the redirect"')])
        if self.path not in server.files:
            return self.answer(404, b"no")
        data, validators = server.files[self.path], server.validators
        # Weak ones never match here (RFC 9110, 13.1.5).
        strong = [value for _, value in validators if not value.startswith("W/")]
        fresh = self.headers.get("If-Range") in (None, *strong)
        if not (server.ranges and wanted and fresh):
            return self.answer(200, data, validators)
        begin, end = int(wanted[1]), min(int(wanted[2]), len(data) - 1)
        self.answer(206, data[begin:end + 1],
                    [*validators, ("Content-Range", f"bytes {begin}-{end}/{len(data)}")])


class RangeServer(ThreadingHTTPServer):
    def __init__(self, host="127.0.0.1"):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock, self.files, self.redirects, self.requests = threading.Lock(), {}, {}, []
        self.ranges, self.validators, self.pause_s = True, [("ETag", '"one"')], 0
        self.failures = self.cuts = self.sent = 0
        self.url = f"http://{host}:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


@pytest.fixture
def server():
    server = RangeServer()
    yield server
    server.stop()


@pytest.fixture
def pull(dream, server, tmp_path):
    """pull(files) writes a manifest of {path: {size, sha256 …}} and pulls it."""
    def run(files, *arguments, **options):
        manifest = tmp_path / "toy.json"
        manifest.write_text(json.dumps({
            "name": "toy", "description": "A toy", "kind": "model", "license": "MIT",
            "license_url": "https://example.com/mit", "source": "https://example.com",
            "files": [{"url": f"{server.url}/{path}", "path": path, **more}
                      for path, more in files.items()]}))
        return dream("weights", "pull", manifest, "--models", tmp_path / "models", *arguments,
                     **options)
    return run


def stated(data):
    return {"size": len(data), "sha256": sha256(data)}


def leftovers(tmp_path):
    return [p.name for p in (tmp_path / "models/toy").rglob("*.partial*")]


