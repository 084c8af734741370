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
    def __init__(self, predictor, schema):
        super().__init__(free_port())
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="coglet-"))
        shutil.copy(pathlib.Path(__file__).parent / "fixtures" / f"{predictor}.py", self.folder)
        (self.folder / ".cog").mkdir()
        (self.folder / ".cog" / "openapi_schema.json").write_text(json.dumps(schema))
        environment = {**os.environ, "PATH": f"{COG}:{os.environ['PATH']}", "PORT": str(self.port),
                       "COG_PREDICT_TYPE_STUB": f"{predictor}.py:Predictor",
                       "COG_THROTTLE_RESPONSE_INTERVAL": "0"}
        self.process = subprocess.Popen(
            [COG / "python", "-m", "cog.server.http"], cwd=self.folder, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.ready, 30, "the real Cog server")

    def ready(self):
        try:
            return self.health() == "READY"
        except OSError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder)
