"""Speaks host/workers/protocol.hpp to a dream-worker, as the host does."""
import json
import os
import socket
import struct
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("DREAM_BUILD_DIR", ROOT / "build/dev"))
WORKER = BUILD / "bin/dream-worker"
TEMPLATES = BUILD / "lib/dream/templates"
TEST_TEMPLATES = BUILD / "lib/dream/test_templates"


class Channel:
    def __init__(self):
        self.ours, self.theirs = socket.socketpair()
        self.ours.settimeout(60)
        self.buffer = b""

    def send(self, message):
        body = json.dumps(message).encode()
        self.ours.sendall(struct.pack(">I", len(body)) + body)

    def read(self):
        """The next message; None once the worker has closed."""
        while len(self.buffer) < 4 or len(self.buffer) < self.frame_end():
            try:
                chunk = self.ours.recv(1 << 16)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                return None
            self.buffer += chunk
        end = self.frame_end()
        message, self.buffer = json.loads(self.buffer[4:end]), self.buffer[end:]
        return message

    def frame_end(self):
        return 4 + struct.unpack(">I", self.buffer[:4])[0]

    def until(self, kind):
        """All messages up to the first of this type; the last is None if the worker is gone."""
        messages = []
        while not messages or (messages[-1] is not None and messages[-1]["type"] != kind):
            messages.append(self.read())
        return messages


class Worker:
    def __init__(self, slots=1):
        self.control = Channel()
        self.slots = [Channel() for _ in range(slots)]
        theirs = [channel.theirs for channel in (self.control, *self.slots)]
        numbers = [end.fileno() for end in theirs]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [WORKER, "--control-fd", str(numbers[0]),
             "--slot-fds", ",".join(map(str, numbers[1:]))],
            pass_fds=numbers, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        for end in theirs:
            end.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for channel in (self.control, *self.slots):
            channel.ours.close()

    def init(self, *paths, **options):
        """Returns the last message, ready or setup_failed; the rest is in self.setup_messages."""
        templates = [{"name": Path(path).stem, "path": str(path)} for path in paths]
        self.control.send({"type": "init", "templates": templates, "weights": "none",
                           "models": "/nonexistent", "device": "cpu", "dtype": "auto",
                           "threads": 0, "setup": True} | options)
        self.setup_messages = []
        while True:
            message = self.control.read()
            if message is None or message["type"] in ("ready", "setup_failed"):
                return message
            self.setup_messages.append(message)

    def predict(self, template, output_dir, slot=0, id="p1", **inputs):
        self.slots[slot].send({"type": "predict", "id": id, "template": template, "input": inputs,
                               "output_dir": str(output_dir)})

    def run(self, template, output_dir, slot=0, id="p1", **inputs):
        """One prediction to its end: all its messages; the last is `done`."""
        self.predict(template, output_dir, slot, id, **inputs)
        return self.slots[slot].until("done")

    def output(self):
        """What it wrote to its fds 1 and 2."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")


def of_type(messages, kind):
    return [message for message in messages if message is not None and message["type"] == kind]
