"""Runs annotator_probe, and fills networks with weights that follow from names alone."""
import json
import math
import subprocess
import tempfile
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from probes import program


class Reply:
    def __init__(self, answer, tensors):
        self.errors = [operation.get("error") for operation in answer["operations"]]
        self.warnings, self.tensors = answer["warnings"], tensors

    def __getitem__(self, name):
        """A result; fails with the message of the first operation that failed."""
        for error in self.errors:
            assert error is None, error
        return self.tensors[name]


def run_annotators(operations, inputs, networks=None):
    """`inputs` are arrays by name; `networks` state dicts, paths of weights, or lists with the
    outputs of each call."""
    inputs = {name: np.ascontiguousarray(array, np.float32) for name, array in inputs.items()}
    with tempfile.TemporaryDirectory() as folder:
        sources = {}
        for name, source in (networks or {}).items():
            if isinstance(source, Path):
                sources[name] = {"weights": str(source)}
                continue
            if isinstance(source, dict):
                path = Path(folder, name + ".pth")
                torch.save(source, path)
                sources[name] = {"weights": str(path)}
                continue
            calls = [[f"{name}.{call}.{i}" for i in range(len(maps))]
                     for call, maps in enumerate(source)]
            inputs |= {key: np.ascontiguousarray(array, np.float32)
                       for keys, maps in zip(calls, source) for key, array in zip(keys, maps)}
            sources[name] = {"outputs": calls}
        request = {"inputs": str(Path(folder, "in")), "output": str(Path(folder, "out")),
                   "networks": sources, "operations": operations}
        save_file(inputs, request["inputs"])
        done = subprocess.run([program("annotator_probe")], input=json.dumps(request), text=True,
                              capture_output=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return Reply(json.loads(done.stdout), load_file(request["output"]))


def annotate(annotator, picture, settings=None, networks=None):
    """The map of one uint8 picture and everything else that came out."""
    reply = run_annotators([{"op": "annotate", "annotator": annotator, "in": "picture",
                             "out": "map", "settings": settings or {}}],
                           {"picture": picture}, networks)
    drawn = reply["map"]
    assert drawn.shape == picture.shape
    return drawn.astype(np.uint8), reply


def fill(module, scattered=False):
    """Sets every tensor from its name and index, so that two builds agree without a stored file.

    Kernels keep the size of what flows through them; norms stay near the identity. A plain wave
    makes matrices of rank 2, of which deep networks leave nothing: scattered ones have all ranks.
    """
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        phase = zlib.crc32(name.encode()) % 1000
        wave = torch.sin(12.9898 * torch.arange(tensor.numel(), dtype=torch.float64) + phase)
        if scattered:
            wave = (wave * 43758.5453).frac()
        wave = wave.reshape(tensor.shape)
        if name.endswith("running_var") or (tensor.dim() == 1 and name.endswith("weight")):
            tensor.copy_(1 + 0.1 * wave)
        elif tensor.dim() > 1:
            fan_in = tensor[0].numel()
            tensor.copy_(wave * 1.2 * math.sqrt(2 / fan_in))
        else:
            tensor.copy_(0.1 * wave)
    return module.eval()


def run_network(name, state, sample):
    """The network's outputs; fails unless it reads exactly the tensors of `state`."""
    reply = run_annotators([{"op": "network", "network": name, "in": "sample", "out": "raw"}],
                           {"sample": sample}, {name: state})
    assert reply.errors == [None], reply.errors
    assert reply.warnings == []
    count = sum(key.startswith("raw.") for key in reply.tensors)
    return [torch.from_numpy(reply[f"raw.{i}"]) for i in range(count)]


def photo(width, height, seed=0):
    """A picture with soft shapes and hard edges, uint8 RGB."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    picture = np.zeros((height, width, 3))
    for _ in range(6):
        cx, cy, r = random.uniform(0, width), random.uniform(0, height), \
            random.uniform(0.1, 0.4) * max(width, height)
        inside = (x - cx) ** 2 + (y - cy) ** 2 < r * r
        picture[inside] = random.integers(0, 256, 3)
    picture += 30 * np.sin(x / 9 + y / 13)[..., None] + random.normal(0, 4, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)
