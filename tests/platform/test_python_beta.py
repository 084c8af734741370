"""The API tests of the official Python client 2.x, which its makers skip, against a platform."""

import os
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from harness import ROOT
from report import add_to_report

from places import Deliveries, Place
from stand_ins import StandIns
from trainer import Trainer

SUITE = ROOT / ".deps/replicate-beta/suite"
PYTHON = ROOT / ".deps/replicate-beta/bin/python"
NAME = "replicate 2.0.0b4 for Python: its API tests, un-skipped"
MOCKED = "mock the server themselves, which is not possible with aiohttp"
# Functions, each run with up to three kinds of client; and what they ask for on the wire.
LEAST_CASES, LEAST_ROUTES = 720, 36


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("beta")
    with Trainer() as trainer, Deliveries(folder / "deliveries") as hook, \
            Place(folder, trainer, hook) as place, StandIns(place) as running:
        yield running


def test_every_case(stand_ins, tmp_path):
    report = tmp_path / "report.xml"
    plugins = str(ROOT / "tests/platform/official")
    done = subprocess.run(
        [PYTHON, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "unskip",
         "--tb=short", f"--junitxml={report}", "tests/api_resources"],
        cwd=SUITE, capture_output=True, text=True, timeout=900,
        env={**os.environ, "PYTHONPATH": plugins, "TEST_API_BASE_URL": stand_ins.url})
    assert report.exists(), done.stdout + done.stderr
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    passed = [case for case in cases if len(case) == 0]
    skipped = [case.get("name") for case in cases if case.find("skipped") is not None]
    add_to_report("clients", {"suite": NAME, "passed": len(passed), "cases": len(cases),
                              "cannot": {MOCKED: skipped}})
    assert len(cases) >= LEAST_CASES
    assert len(stand_ins.seen) >= LEAST_ROUTES, sorted(stand_ins.seen)
    assert all(name.endswith("download[aiohttp]") for name in skipped), skipped
    assert done.returncode == 0, done.stdout[-20000:]
