"""The servers that foreign cases run against: ours, with a template that does what the case's model
does, and the options of the case."""

import pathlib
import shutil
import signal
import tempfile
from dataclasses import dataclass, field

from harness import Server
from surroundings import Surroundings


@dataclass
class Spec:
    template: str
    arguments: tuple = ()  # {upload} stands for the upload target
    environment: dict = field(default_factory=dict)
    gate: str = ""  # what the file says that the template `gate` waits for
    wait: str = "READY"


SERVERS = {name: Spec(name) for name in (
    "echo", "counter", "sleeper", "rules", "needs", "number", "texts", "pieces", "meter", "printer",
    "files", "one_file", "file_list", "trainer", "keeper", "helpers", "scope", "whereabouts",
    "ignores_cancel")}
SERVERS |= {
    "legacy_rules": Spec("rules", ("--compat", "legacy")),
    "two_slots": Spec("sleeper", ("--concurrency", "2")),
    "five_slots": Spec("sleeper", ("--concurrency", "5")),
    "two_counters": Spec("counter", ("--concurrency", "2")),
    "starting": Spec("gate", gate="wait", wait=""),
    "set_up": Spec("gate"),
    "fails_set_up": Spec("gate", gate="fail", wait="SETUP_FAILED"),
    "throttled": Spec("counter", environment={"COG_THROTTLE_RESPONSE_INTERVAL": "5"}),
    "throttled_briefly": Spec("counter", environment={"COG_THROTTLE_RESPONSE_INTERVAL": "0.3"}),
    "probed": Spec("gate", ("--ready-file", "run/cog/ready"), gate="wait", wait=""),
    "probed_in_place": Spec("echo", ("--ready-file", "ready")),
    "explicit": Spec("sleeper", ("--await-explicit-shutdown", "true")),
}


class Running(Server):
    """A server with what surrounds it."""

    def __init__(self, spec):
        self.around = Surroundings()
        self.folder = tempfile.mkdtemp(prefix="dream-")
        if spec.gate:
            (pathlib.Path(self.folder) / "gate").write_text(spec.gate)
        arguments = [part.replace("{upload}", self.around.uploads.url) for part in spec.arguments]
        super().__init__(spec.template, args=arguments, env=spec.environment, wait=None,
                         folder=self.folder)
        self.wait_listening()
        if spec.wait:
            self.wait_for(spec.wait)

    def send_signal(self, name):
        self.process.send_signal(getattr(signal, name))

    def close(self):
        self.kill()
        self.around.close()
        shutil.rmtree(self.folder)


class Servers:
    """Starts each server when it is first asked for, and again when it has ended."""

    def __init__(self):
        self.running = {}

    def get(self, name, fresh=False):
        server = self.running.get(name)
        if server is not None and (fresh or server.process.poll() is not None):
            self.running.pop(name).close()
            server = None
        if server is None:
            server = self.running[name] = Running(SERVERS[name])
        return server

    def close(self):
        for server in self.running.values():
            server.close()
        self.running.clear()
