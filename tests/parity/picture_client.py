"""Runs picture_probe: a list of operations on arrays in one process."""
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from probes import program


def run_pictures(operations):
    """Per operation the resulting array (the bytes of an encode), or the error's text.

    `in` is an array of shape (height, width[, channels]), or the bytes of a file to decode.
    """
    with tempfile.TemporaryDirectory() as folder:
        requests = []
        for i, operation in enumerate(operations):
            source, place = operation["in"], Path(folder, f"{i}.in")
            request = operation | {"in": str(place), "out": str(Path(folder, f"{i}.out"))}
            if isinstance(source, np.ndarray):
                height, width, *channels = source.shape
                request["size"] = [width, height, *(channels or [1])]
                source = source.tobytes()
            place.write_bytes(source)
            requests.append(request)
        done = subprocess.run([program("picture_probe")], input=json.dumps(requests), text=True,
                              capture_output=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return [result(request, answer)
                for request, answer in zip(requests, json.loads(done.stdout), strict=True)]


def result(request, answer):
    if "error" in answer:
        return answer["error"]
    data = Path(request["out"]).read_bytes()
    if "size" not in answer:
        return data
    width, height, channels = answer["size"]
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.frombuffer(data, np.uint8).reshape(shape)
