"""The official clients, unchanged but for the address: each case of official/, as they run."""

import json
import pathlib
import subprocess

import pytest
from harness import ROOT
from report import add_to_report

from places import Deliveries, Place
from trainer import Trainer

CASES = pathlib.Path(__file__).parent / "official"
PYTHON = [ROOT / ".deps/cog/bin/python", CASES / "cases.py"]
NODE = ["node", CASES / "cases.mjs", ROOT / ".deps/replicate-js/node_modules/replicate"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("official")
    with Trainer() as trainer, Deliveries(folder / "deliveries") as hook, \
            Place(folder, trainer, hook) as running:
        yield running


@pytest.mark.parametrize("client,command,least", [
    ("replicate 1.0.7 for Python", PYTHON, 32), ("replicate 1.4.0 for JavaScript", NODE, 23)])
def test_every_case(place, client, command, least):
    spare = place.version(place.make_version("echo", f"spare of {client}", "spares"))
    told = json.dumps({**place.described(), "spare": spare})
    done = subprocess.run([*command, told], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    failed = {row["case"]: row["error"] for row in rows if row["error"]}
    add_to_report("clients", {"suite": client, "passed": len(rows) - len(failed),
                              "cases": len(rows)})
    assert not failed, "\n\n".join(f"{name}: {error}" for name, error in failed.items())
    assert len(rows) >= least
