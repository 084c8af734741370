"""Runs engine_probe: a list of operations in one process, tensors by file."""
import json
import subprocess
import tempfile
from pathlib import Path

from safetensors.torch import load_file, save_file

from probes import program


class Reply:
    def __init__(self, answer, tensors):
        self.answer, self.tensors = answer, tensors

    def __getitem__(self, name):
        """A result; fails with the engine's message where an operation failed."""
        for operation in self.answer["operations"]:
            assert "error" not in operation, operation["error"]
        return self.tensors[name]

    def operation(self, index):
        return self.answer["operations"][index]

    def images(self, out):
        names = [name for name in self.tensors if name.startswith(out + ".")]
        return [self.tensors[name] for name in sorted(names)]


def run_engine(model, operations, inputs=None, **options):
    """Answers of the probe; a model that does not load gives {"error": ...} in `answer`."""
    with tempfile.TemporaryDirectory() as folder:
        request = {"model": str(model), "operations": operations, "threads": 2, "dtype": "fp32",
                   "device": "cpu", "output": str(Path(folder, "out.safetensors"))} | options
        if inputs:
            request["inputs"] = str(Path(folder, "in.safetensors"))
            save_file({name: tensor.contiguous() for name, tensor in inputs.items()},
                      request["inputs"])
        done = subprocess.run([program("engine_probe")], input=json.dumps(request), text=True,
                              capture_output=True, timeout=300)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        if "error" in answer:
            return Reply(answer, {})
        return Reply(answer, load_file(request["output"]))
