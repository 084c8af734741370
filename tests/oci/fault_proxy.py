"""Stands before a registry and does to its clients what networks and gateways do."""
import http.client
import re
import select
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Fault:
    """What happens to the requests `method path` matches: `times` of them, after `skip`."""

    def __init__(self, method, path, act, times=1, skip=0):
        self.method, self.path, self.act = method, re.compile(path), act
        self.times, self.skip, self.hits = times, skip, 0

    def wants(self, method, path):
        if method != self.method or not self.path.search(path):
            return False
        self.hits += 1
        return self.skip < self.hits <= self.skip + self.times


def answer(status, headers=(), body=b""):
    """Instead of the registry; the request's body is read, and goes nowhere."""
    def act(handler):
        handler.read_body()
        handler.reply(status, headers, body)
    return act


def drop(after=0, forward=False):
    """The connection breaks when `after` bytes of the body have come. With `forward` the registry
    gets those."""
    def act(handler):
        data = handler.rfile.read(after)
        if forward:
            handler.forward_part(data)
        handler.hang_up()
    return act


def lose_answer(handler):
    """The registry does its work, and nobody hears of it."""
    handler.ask_registry(handler.read_body())
    handler.hang_up()


def refuse_early(status, headers=()):
    """Answers before the body has come, and closes."""
    def act(handler):
        handler.reply(status, [*headers, ("Connection", "close")], b"")
        handler.close_connection = True
    return act


def change_headers(**changed):
    """The registry's answer with other headers; None takes one away."""
    def act(handler):
        status, headers, body = handler.ask_registry(handler.read_body())
        names = {name.replace("_", "-").lower(): value for name, value in changed.items()}
        kept = [(k, v) for k, v in headers if k.lower() not in names]
        handler.reply(status, kept + [(k, v) for k, v in names.items() if v is not None], body)
    return act


def cut_answer(after):
    """Half an answer."""
    def act(handler):
        status, headers, body = handler.ask_registry(handler.read_body())
        handler.reply(status, headers, body[:after], length=len(body))
        handler.hang_up()
    return act


def damage_answer(handler):
    status, headers, body = handler.ask_registry(handler.read_body())
    handler.reply(status, headers, body[:-1] + bytes([body[-1] ^ 1]))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def read_body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def passed_on(self):
        return {k: v for k, v in self.headers.items() if k.lower() != "connection"}

    def ask_registry(self, body):
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=30)
        # The Host is kept: the registry makes its Locations of it, which lead here again.
        upstream.request(self.command, self.path, body, self.passed_on())
        reply = upstream.getresponse()
        data = reply.read()
        upstream.close()
        return reply.status, reply.getheaders(), data

    def forward_part(self, data):
        with socket.create_connection(("127.0.0.1", self.server.upstream)) as upstream:
            lines = [f"{self.command} {self.path} HTTP/1.1",
                     *(f"{k}: {v}" for k, v in self.passed_on().items())]
            upstream.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
            time.sleep(0.2)

    def reply(self, status, headers, body, length=None):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
            if name.lower() == "content-length" and self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD" and status != 204:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def hang_up(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def do_CONNECT(self):
        """As a proxy in the old sense: way for TLS, which there is not."""
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        self.reply(502, [], b"")

    def handle_any(self):
        server = self.server
        if self.path.startswith("http://"):  # the same without TLS, which is passed on
            self.path = "/" + self.path.split("/", 3)[3]
        with server.lock:
            server.requests.append((self.command, self.path, dict(self.headers)))
            fault = next((f for f in server.faults if f.wants(self.command, self.path)), None)
        try:
            if fault:
                return fault.act(self)
            body = self.read_body()
            if body and server.pause_s:
                time.sleep(server.pause_s)
                if select.select([self.connection], [], [], 0)[0]:
                    return self.hang_up()  # the client has gone: what it sent never arrived
            self.reply(*self.ask_registry(body))
        except OSError:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any


class FaultProxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream, self.lock = upstream, threading.Lock()
        self.faults, self.requests, self.pause_s = [], [], 0
        self.name = f"localhost:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # of clients that went away

    def count(self, method, path=""):
        return sum(m == method and re.search(path, p) is not None for m, p, _ in self.requests)

    def stop(self):
        self.shutdown()
        self.server_close()
