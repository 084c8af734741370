"""The servers that transcripts run against: each pair is the real Cog server with a predictor of
fixtures/ and ours with the template of the same name. A pair starts when it is first asked for."""

import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field

from coglet import Coglet
from harness import BUILD, Server
from surroundings import Surroundings
from transcript import Play

TEMPLATES = BUILD / "lib" / "dream" / "test_templates"


@dataclass
class Pair:
    template: str
    predictor: str = ""  # of fixtures/; the template's name if there is none
    slots: int = 1
    arguments: list = field(default_factory=list)  # of both servers; {upload} is filled in
    real_arguments: list = field(default_factory=list)
    environment: dict = field(default_factory=dict)  # of both servers
    gate: str = ""  # what the file `gate` says at first
    wait: str = "READY"  # empty: not even for the end of its set-up


UPLOAD = ["--upload-url", "{upload}"]
PAIRS = {name: Pair(name) for name in (
    "echo", "counter", "sleeper", "rules", "needs", "files", "one_file", "file_list", "texts",
    "pieces", "number", "meter", "printer", "scope", "trainer")}
PAIRS |= {
    "slots": Pair("sleeper", "sleeper_async", slots=2),
    "training": Pair("trainer", real_arguments=["--x-mode", "train"]),
    "gate": Pair("gate", gate="wait", wait=""),
    "closed_gate": Pair("gate", gate="fail", wait="SETUP_FAILED"),
    "shutdown": Pair("sleeper", "sleeper_async", slots=2),
    "end": Pair("echo"),
    "streams": Pair("counter"),
    "stream_ends": Pair("pieces"),
    "history": Pair("pieces", environment={"COG_STREAM_HISTORY_CAPACITY": "2"}),
    "no_history": Pair("pieces", environment={"COG_STREAM_HISTORY_CAPACITY": "0"}),
    "uploads": Pair("files", arguments=UPLOAD),
    "upload_one": Pair("one_file", arguments=UPLOAD),
    "upload_list": Pair("file_list", arguments=UPLOAD),
    "throttled": Pair("counter", environment={"COG_THROTTLE_RESPONSE_INTERVAL": "5"}),
}


def openapi_of(template):
    done = subprocess.run(
        [BUILD / "bin" / "dream", "templates", "schema", template], capture_output=True, text=True,
        check=True, env={**os.environ, "DREAM_TEMPLATE_PATH": str(TEMPLATES)})
    return json.loads(done.stdout)


class Ours(Server):
    def __init__(self, pair, arguments):
        self.folder = tempfile.mkdtemp(prefix="dream-")
        if pair.gate:
            (pathlib.Path(self.folder) / "gate").write_text(pair.gate)
        super().__init__(pair.template, args=["--concurrency", str(pair.slots), *arguments],
                         env=pair.environment, wait=None, folder=self.folder)

    def send_signal(self, name):
        self.process.send_signal(getattr(signal, name))

    def kill(self):
        super().kill()
        (pathlib.Path(self.folder) / "gate").unlink(missing_ok=True)
        os.rmdir(self.folder)


class Running:
    """A started pair with what surrounds each side."""

    def __init__(self, pair):
        self.around = {"real": Surroundings(), "ours": Surroundings()}
        real, ours = ([part.replace("{upload}", self.around[side].uploads.url) for part in
                       pair.arguments + (pair.real_arguments if side == "real" else [])]
                      for side in ("real", "ours"))
        self.servers = {
            "ours": Ours(pair, ours),
            "real": Coglet(pair.predictor or pair.template, openapi_of(pair.template),
                           slots=pair.slots, arguments=real, environment=pair.environment,
                           gate=pair.gate, wait=None)}
        for server in self.servers.values():
            server.wait_listening()
            if pair.wait:
                server.wait_for(pair.wait, limit_s=60)

    def play(self, transcript):
        """What both servers do, side by side in time: {"real": records, "ours": records}."""
        def one(side):
            play = Play(self.servers[side], self.around[side])
            return self.around[side].anonymous(play.run(transcript))

        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            return dict(zip(self.servers, threads.map(one, self.servers)))

    def close(self):
        for side, server in self.servers.items():
            server.kill()
            self.around[side].close()


class Pairs:
    """Starts the named pairs, a few at a time, and hands them out."""

    def __init__(self, names):
        self.threads = concurrent.futures.ThreadPoolExecutor(3)
        self.started = {name: self.threads.submit(Running, PAIRS[name]) for name in names}

    def __getitem__(self, name):
        return self.started[name].result()

    def close(self):
        self.threads.shutdown()
        for future in self.started.values():
            if future.exception() is None:
                future.result().close()
