"""A small Cog server in the manner of coglet: one model, SSE without progress events, no templates.

It is the foreign server of the playground's tests: what it does is chosen by its inputs, how it is
by its attributes. `python stub_server.py [PORT]` runs it by hand.
"""

import base64
import http.server
import json
import secrets
import struct
import sys
import threading
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "http"))

from harness import LocalServer  # noqa: E402

TEXT = {"type": "string"}
INPUT = {
    "text": {**TEXT, "title": "Text", "description": "What to say."},
    "picture": {**TEXT, "format": "uri", "title": "Picture", "nullable": True},
    "picture_mask": {**TEXT, "format": "uri", "title": "Picture Mask", "nullable": True},
    "steps": {"type": "integer", "title": "Steps", "default": 8, "minimum": 1, "maximum": 1000},
    "strength": {"type": "number", "title": "Strength", "default": 0.5, "minimum": 0, "maximum": 1},
    "mode": {"allOf": [{"$ref": "#/components/schemas/mode"}], "default": "draw",
             "description": "draw, say, value, file, link, fail or nothing"},
    "token": {**TEXT, "format": "password", "writeOnly": True, "x-cog-secret": True,
              "title": "Token", "nullable": True},
    "numbers": {"type": "array", "items": {"type": "integer"}, "title": "Numbers", "default": []},
    "either": {"anyOf": [{"type": "integer"}, {"type": "string"}], "title": "Either",
               "nullable": True},
    "extra": {"type": "object", "title": "Extra", "nullable": True},
    "sure": {"type": "boolean", "title": "Sure", "nullable": True},
    "seed": {"type": "integer", "title": "Seed", "nullable": True},
}
MODES = ["draw", "say", "value", "file", "link", "fail", "nothing"]


def schema():
    properties = {name: {**field, "x-order": i} for i, (name, field) in enumerate(INPUT.items())}
    parts = {
        "Input": {"type": "object", "title": "Input", "properties": properties,
                  "required": ["text"]},
        "Output": {"type": "array", "items": {}, "title": "Output",
                   "x-cog-array-type": "iterator"},
        "mode": {"title": "mode", "description": "An enumeration.", "enum": MODES,
                 "type": "string"},
    }
    return {"openapi": "3.0.2", "info": {"title": "Cog", "version": "0.23.1"},
            "paths": {"/predictions": {"post": {"x-cog-streaming": True}}},
            "components": {"schemas": parts}}


def png(red, green, blue, side=64):
    """A picture of one colour."""
    rows = b"".join(b"\0" + bytes([red, green, blue]) * side for _ in range(side))

    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))


def data_url(data, media_type="image/png"):
    return f"data:{media_type};base64," + base64.b64encode(data).decode()


def bar_line(step, steps):
    cells = "█" * (10 * step // steps)
    return (f"{100 * step // steps:3}%|{cells:10}| {step}/{steps} "
            f"[00:01<00:{min(59, steps - step):02}, 10.00it/s]")


class StubServer(LocalServer):
    """`requests` keeps each prediction's body as it came."""

    def __init__(self, port=0):
        self.health = "READY"
        self.setup_logs = "loading the model\n"
        self.streams = True
        self.busy_answers = 0    # so many predictions get a 409
        self.step_s = 0.02
        self.requests = []
        self.canceled = {}
        self.writing = 0         # predictions whose answer is being written
        self.paths = []
        stub = self

        class Handler(StubHandler):
            server_state = stub

        super().__init__(Handler, port)


def problems(inputs):
    """Cog's 422 detail: a name for each input that is missing or out of its range."""
    found = []
    if "text" not in inputs:
        found.append(("text", "Field required", "value_error.missing"))
    for i, number in enumerate(inputs.get("numbers", [])):
        if number > 100:
            found.append((f"numbers/{i}", f"{number} is greater than the maximum of 100",
                          "value_error"))
    return [{"loc": ["body", "input", name], "msg": text, "type": kind}
            for name, text, kind in found]


def outputs(inputs):
    mode = inputs.get("mode", "draw")
    if mode == "draw":
        seed = inputs.get("seed", 7)
        return [data_url(png(240 - 60 * i, 120, (seed * 40) % 256)) for i in range(2)]
    if mode == "say":
        return [inputs["text"]]
    if mode == "value":
        return [{"token_length": len(inputs.get("token") or ""),
                 **{name: inputs.get(name) for name in ("numbers", "either", "extra", "sure")}}]
    if mode == "file":
        return [data_url(b"PK\5\6" + b"\0" * 18, "application/zip")]
    if mode == "link":
        return ["https://storage.example/result.png"]
    return []


class StubHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state = None

    def log_message(self, *arguments):
        pass

    def answer(self, status, body):
        data = json.dumps(body, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        state = self.server_state
        state.paths.append(self.path)
        if self.path == "/health-check":
            status = {"READY": "succeeded", "BUSY": "succeeded"}.get(
                state.health, "failed" if state.health == "SETUP_FAILED" else "starting")
            return self.answer(200, {
                "status": state.health, "version": {"coglet": "0.23.1"},
                "setup": {"started_at": "2026-01-01T00:00:00+00:00", "status": status,
                          "logs": state.setup_logs}})
        if self.path == "/openapi.json":
            if state.health in ("STARTING", "SETUP_FAILED"):
                return self.answer(503, {"error": "OpenAPI schema not available"})
            return self.answer(200, schema())
        if self.path == "/":
            return self.answer(200, {"cog_version": "0.23.1", "predictions_url": "/predictions"})
        return self.answer(404, {})

    def do_POST(self):
        state = self.server_state
        state.paths.append(self.path)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        path = self.path.split("?")[0].strip("/").split("/")
        if path[-1] == "cancel":
            known = path[1] in state.canceled
            if known:
                state.canceled[path[1]] = True
            return self.answer(200 if known else 404, {})
        if path != ["predictions"]:
            return self.answer(404, {})
        wants_stream = "text/event-stream" in self.headers.get("Accept", "")
        if wants_stream and not state.streams:
            return self.answer(406, {"error": "This model does not support streaming responses. "
                                              "Add @cog.streaming to predict() to enable SSE."})
        state.requests.append(body)
        body.setdefault("id", secrets.token_hex(13))
        found = problems(body.get("input", {}))
        if found:
            return self.answer(422, {"detail": found})
        if state.busy_answers > 0:
            state.busy_answers -= 1
            return self.answer(409, {"error": "At capacity - all prediction slots busy",
                                     "status": "failed"})
        state.writing += 1
        try:
            return self.predict(body, wants_stream)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            state.writing -= 1
            state.canceled.pop(body["id"], None)
        return None

    def predict(self, body, wants_stream):
        state, inputs, identity = self.server_state, body["input"], body["id"]
        state.canceled[identity] = False
        logs = []
        if wants_stream:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()

        def send(event, data):
            if wants_stream:
                frame = f"event: {event}\ndata: {json.dumps(data)}\n\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(frame), frame))

        def log(text):
            logs.append(text + "\n")
            send("log", {"source": "stderr", "data": text + "\n"})

        send("start", {"id": identity, "status": "processing"})
        log(f"Using seed: {inputs.get('seed', 7)}")
        steps = inputs.get("steps", 8)
        status, produced, error = "succeeded", [], None
        for step in range(1, steps + 1):
            time.sleep(state.step_s)
            if state.canceled[identity]:
                status = "canceled"
                break
            log(bar_line(step, steps))
        if status == "succeeded" and inputs.get("mode") == "fail":
            status, error = "failed", "ValueError: the paint is dry"
        elif status == "succeeded":
            produced = outputs(inputs)
            for index, chunk in enumerate(produced):
                send("output", {"chunk": chunk, "index": index})
        result = {"id": identity, "status": status, "logs": "".join(logs), "output": produced,
                  "metrics": {"predict_time": steps * state.step_s}}
        if error:
            result["error"] = error
        if not wants_stream:
            return self.answer(200, result)
        send("completed", result)
        self.wfile.write(b"0\r\n\r\n")
        return None


if __name__ == "__main__":
    with StubServer(int(sys.argv[1]) if len(sys.argv) > 1 else 5100) as server:
        print(server.url, flush=True)
        threading.Event().wait()
