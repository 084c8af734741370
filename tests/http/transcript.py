"""Transcripts: what a client does with a Cog server, as data, and what comes of it, as data.

A transcript is one request, or a list of `steps`. Each step is one of

    {"method", "path", "json" or "text", "headers"}   a request; its answer is recorded
        "busy": true      a 409 is what is asked for, not the late freeing of the slot before
        "behind": NAME    sent by another thread; {"join": NAME} waits and records its answer
        "until": TEXT     an event stream that the client leaves after the event with this text
    {"health": STATUS}    waits for that health
    {"webhooks": ID}      waits for the terminal webhook of ID; records all of them
    {"uploads": N}        waits for N uploads; records them
    {"raw": [TEXT, …], "answers": N}   bytes on one connection; records N answers and its end
    {"pause": SECONDS}
    {"signal": NAME}      SIGTERM, …  {"exit": true} waits for the end; records the exit status
    {"file": NAME, "there": BOOL}   waits for a file in the server's folder, or for its absence
    {"open": true}        lets a server out of its set-up, {"open": "fail"} lets it fail

A transcript with "full" is played with DREAM_FULL alone.

In all texts {hook}, {files} and {upload} stand for the URLs of a webhook receiver, of a file server
and of an upload target, and {"$repeat": [TEXT, N]} for a long text.
"""

import http.client
import json
import pathlib
import re
import socket
import threading
import time

from harness import wait_until

FOLDER = pathlib.Path(__file__).parent / "transcripts"
TERMINAL = ("succeeded", "failed", "canceled")


def load(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def filled(value, names):
    """`value` with its placeholders replaced."""
    if isinstance(value, dict):
        if "$repeat" in value:
            text, times = value["$repeat"]
            return text * times
        return {key: filled(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace("{" + name + "}", text)
    return value


def parsed(text, content_type):
    if content_type == "application/json" and text:
        return json.loads(text)
    return text


LANES = ("start", "log", "output", "metric")  # then the end


def parse_events(text):
    """The events of an event stream, and its comments as events of the name ":".

    Logs, outputs and metrics take ways of their own to the real server, so between these is no
    order: those of one kind stand together, in theirs.
    """
    events = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line]
        if not lines:
            continue
        if lines[0].startswith(":"):
            events.append({"event": ":", "data": {"comment": lines[0][1:].strip()}})
            continue
        fields = dict(line.split(": ", 1) if ": " in line else (line, "") for line in lines)
        fields["data"] = json.loads(fields.get("data", "null"))
        events.append(fields)
    return sorted(events, key=lambda event: LANES.index(event["event"])
                  if event.get("event") in LANES else len(LANES))


class Play:
    """One run of a transcript against one server."""

    def __init__(self, server, surroundings):
        self.server = server
        self.around = surroundings  # receiver, uploads, names of the placeholders
        self.behind = {}
        self.records = []

    def run(self, transcript):
        for step in transcript.get("steps", [transcript]):
            step = filled(step, self.around.names)
            record = self.step(step)
            if record is not None:
                self.records.append(record)
        return self.records

    def step(self, step):
        if "method" in step:
            return self.start(step) if "behind" in step else self.request(step)
        kind = next(name for name in ("health", "webhooks", "uploads", "raw", "join", "pause",
                                      "signal", "exit", "open", "file") if name in step)
        return getattr(self, f"step_{kind}")(step)

    def request(self, step):
        if "until" in step:
            return self.leave_stream(step)
        body = step.get("json", step.get("text"))
        answer = self.server.request(step["method"], step["path"], body, step.get("headers"))
        if answer.status == 409 and not step.get("busy"):
            self.wait_for_slot()
            return self.request(step)
        kind = answer.headers.get("content-type")
        record = {"status": answer.status, "type": kind, "allow": answer.headers.get("allow"),
                  "body": parsed(answer.text, kind)}
        if kind == "text/event-stream":
            record["body"] = parse_events(answer.text)
            record["cache"] = answer.headers.get("cache-control")
        return record

    def wait_for_slot(self):
        """The real server frees its slot after the answer."""
        wait_until(lambda: self.server.health() != "BUSY", what="a free slot")
        time.sleep(0.02)

    def start(self, step):
        result = []
        thread = threading.Thread(target=lambda: result.append(self.request(step)))
        thread.start()
        self.behind[step["behind"]] = (thread, result)

    def step_join(self, step):
        thread, result = self.behind.pop(step["join"])
        thread.join(30)
        assert result, f"{step['join']} got no answer"
        return result[0]

    def leave_stream(self, step):
        """Reads an event stream up to an event, then closes the connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=15)
        headers = {"Content-Type": "application/json", **step.get("headers", {})}
        connection.request(step["method"], step["path"], json.dumps(step["json"]), headers)
        answer = connection.getresponse()
        text = ""
        while step["until"] not in text:
            line = answer.readline().decode()
            assert line, f"the stream ended before {step['until']!r}: {text}"
            text += line
        connection.close()
        return {"status": answer.status, "type": answer.getheader("content-type"),
                "body": parse_events(text)}

    def step_health(self, step):
        self.server.wait_for(step["health"], limit_s=20)

    def step_webhooks(self, step):
        identity = step["webhooks"]
        self.around.receiver.terminal(identity)
        time.sleep(step.get("settle_s", 0.05))  # those before the last are sent in no order
        bodies = self.around.receiver.of(identity)
        return {"webhooks": sorted(bodies, key=webhook_order)}

    def step_uploads(self, step):
        received = self.around.uploads.received
        wait_until(lambda: len(received) >= step["uploads"], what=f"{step['uploads']} uploads")
        uploads, received[:] = list(received), []
        return {"uploads": sorted(uploads, key=lambda upload: upload["path"])}

    def step_raw(self, step):
        texts = step["raw"] if isinstance(step["raw"], list) else [step["raw"]]
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as connection:
            for text in texts:
                connection.sendall(text.encode("latin-1"))
                time.sleep(0.02 if len(texts) > 1 else 0)
            reader = connection.makefile("rb")
            answers = [read_answer(reader) for _ in range(step.get("answers", 1))]
            connection.settimeout(step.get("end_s", 0.3))
            try:
                closed = reader.read(1) == b""
            except (TimeoutError, ConnectionResetError):
                closed = False
        if any(answer["status"] == 409 for answer in answers):
            self.wait_for_slot()
            return self.step_raw(step)
        return {"answers": answers, "closed": closed}

    def step_pause(self, step):
        time.sleep(step["pause"])

    def step_signal(self, step):
        self.server.send_signal(step["signal"])

    def step_exit(self, step):
        return {"exit": self.server.process.wait(20)}

    def step_file(self, step):
        path = pathlib.Path(self.server.folder) / step["file"]
        if not step["there"]:
            time.sleep(0.2)  # for one that would still come
        wait_until(lambda: path.exists() == step["there"], what=f"{path}: {step['there']}")

    def step_open(self, step):
        gate = pathlib.Path(self.server.folder) / "gate"
        if step["open"] is True:
            gate.unlink(missing_ok=True)
        else:
            gate.write_text(step["open"])


def webhook_order(body):
    output = body.get("output")
    done = body["status"] in TERMINAL
    return done, len(output) if isinstance(output, list) else output is not None, len(body["logs"])


def read_answer(reader):
    """The next HTTP answer on a connection; interim ones carry no body."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = reader.read(1)
        if not byte:
            return {"status": None, "head": head.decode("latin-1")}
        head += byte
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    headers = dict(re.split(r":\s*", line, maxsplit=1) for line in lines[1:] if line)
    headers = {name.lower(): value for name, value in headers.items()}
    size = int(headers.get("content-length", 0)) if status >= 200 else 0
    text = reader.read(size).decode()
    kind = headers.get("content-type")
    return {"status": status, "version": lines[0].split(" ")[0], "type": kind,
            "connection": headers.get("connection"), "body": parsed(text, kind)}
