"""Load on a Cog server over loopback: what it finishes, how soon, and how much it can hold.

Only answers of status 200 count as done: the real Cog server refuses (409) part of what arrives the
moment after an answer, since it frees its slot later.
"""

import contextlib
import json
import os
import pathlib
import resource
import selectors
import socket
import subprocess
import time

SCRIPT = pathlib.Path(__file__).parent / "load.lua"


def family(pid):
    """The process and its children."""
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    return [pid, *map(int, listed.split())]


def processor_seconds(pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def precedence():
    """Over what else runs on this machine, for us and what we start, as far as we may."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def wrk(server, connections, seconds):
    """All connections busy all the time, one thread. {"per_s": of status 200, "p50_ms", …,
    "cpu_us": processor time of the server's processes for each answer of status 200; "host_us",
    "worker_us": of the first process and of its children}"""
    pids = family(server.process.pid)
    before = [processor_seconds(part) for part in (pids[:1], pids[1:])]
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", SCRIPT,
         f"http://127.0.0.1:{server.port}/predictions"], capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    good = figures["answers"] - figures["refused"]
    host_us, worker_us = ((processor_seconds(part) - start) / good * 1e6
                          for part, start in zip((pids[:1], pids[1:]), before))
    return {**figures, "per_s": good / figures["seconds"], "cpu_us": host_us + worker_us,
            "host_us": host_us, "worker_us": worker_us}


class Line:
    """A keep-alive connection that sends prepared bytes and reads whole answers."""

    def __init__(self, port, timeout_s=20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def exchange(self, request):
        """The status of the answer to `request`."""
        self.socket.sendall(request)
        while b"\r\n\r\n" not in self.buffer:
            self.receive()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(self.buffer) < size:
            self.receive()
        self.buffer = self.buffer[size:]
        return int(head.split(b" ")[1])

    def receive(self):
        chunk = self.socket.recv(65536)
        assert chunk, "the server closed the connection"
        self.buffer += chunk

    def close(self):
        self.socket.close()


def post(body, path="/predictions"):
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


HEALTH = b"GET /health-check HTTP/1.1\r\nHost: x\r\n\r\n"
ECHO = post('{"input":{"text":"hello"}}')


def one_by_one(server, count, request=ECHO):
    """Latencies of `count` answers of status 200, one client, one request after the other, in
    milliseconds."""
    line, times, refused = Line(server.port), [], 0
    while len(times) < count:
        begin = time.perf_counter()
        status = line.exchange(request)
        if status == 200:
            times.append((time.perf_counter() - begin) * 1e3)
        else:
            refused += 1
            assert refused < 100 * count
            time.sleep(0.0002)
    line.close()
    return times


def share(values, percent):
    """The value that so many percent of them do not exceed."""
    values = sorted(values)
    return values[min(len(values) - 1, len(values) * percent // 100)]


def raise_descriptor_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def hold(server, count):
    """`count` keep-alive connections, each of which has had an answer."""
    lines = []
    for _ in range(count):
        line = Line(server.port)
        assert line.exchange(HEALTH) == 200
        lines.append(line)
    return lines


class Trickle:
    """Connections whose request comes one byte at a time and is never whole."""

    def __init__(self, server, count):
        self.sockets = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(count)]
        self.closed = 0
        self.selector = selectors.DefaultSelector()
        for connection in self.sockets:
            connection.setblocking(False)
            connection.send(b"POST /predictions HTTP/1.1\r\nX: ")
            self.selector.register(connection, selectors.EVENT_READ)

    def drip(self):
        """One more byte on each connection that still lives."""
        for key, _ in self.selector.select(0):
            self.selector.unregister(key.fileobj)
            key.fileobj.close()
            self.closed += 1
        for connection in self.sockets:
            if connection.fileno() >= 0:
                try:
                    connection.send(b"a")
                except (BrokenPipeError, ConnectionResetError):
                    pass  # shows in the next select()

    def close(self):
        for connection in self.sockets:
            connection.close()
        self.selector.close()
