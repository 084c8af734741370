"""Runs training_probe: requests in one process, tensors by file."""
import json
import subprocess
from pathlib import Path

from safetensors.torch import load_file, save_file

from probes import program


def ask(*requests):
    """Replies in the order of the requests; one that failed is {"error": ...}."""
    done = subprocess.run([program("training_probe")], text=True, capture_output=True, check=True,
                          input="".join(json.dumps(request) + "\n" for request in requests))
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(replies) == len(requests), done.stderr
    return replies


def ask_one(request):
    reply, = ask(request)
    assert "error" not in reply, reply["error"]
    return reply


def ask_with_tensors(folder: Path, tensors, **request):
    """The reply, and the tensors it wrote."""
    source, target = str(folder / "in.safetensors"), str(folder / "out.safetensors")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, source)
    reply = ask_one({"tensors": source, "output": target} | request)
    return reply, load_file(target)
