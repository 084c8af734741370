"""The real Cog server with one of the predictors of fixtures/."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from harness import ROOT, Client, free_port, wait_until

COG = ROOT / ".deps" / "cog" / "bin"


class Coglet(Client):
    def __init__(self, predictor, schema, slots=1, arguments=(), environment=None, gate="",
                 wait="READY"):
        super().__init__(free_port())
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="coglet-"))
        shutil.copy(pathlib.Path(__file__).parent / "fixtures" / f"{predictor}.py", self.folder)
        (self.folder / ".cog").mkdir()
        (self.folder / ".cog" / "openapi_schema.json").write_text(json.dumps(schema))
        if gate:
            (self.folder / "gate").write_text(gate)
        environment = {**os.environ, "PATH": f"{COG}:{os.environ['PATH']}", "PORT": str(self.port),
                       "COG_PREDICT_TYPE_STUB": f"{predictor}.py:Predictor",
                       "COG_TRAIN_TYPE_STUB": f"{predictor}.py:Predictor",
                       "COG_MAX_CONCURRENCY": str(slots), "COG_THROTTLE_RESPONSE_INTERVAL": "0",
                       "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})}
        self.process = subprocess.Popen(
            [COG / "python", "-m", "cog.server.http", *arguments], cwd=self.folder, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if wait:
            self.wait_listening()
            self.wait_for(wait, limit_s=60)

    def wait_listening(self):
        def listens():
            assert self.process.poll() is None, "the real Cog server has ended"
            try:
                return self.health() is not None
            except OSError:
                return False
        wait_until(listens, 60, "the real Cog server")

    def send_signal(self, name):
        self.process.send_signal(getattr(signal, name))

    def kill(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder)
