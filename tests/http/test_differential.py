"""The same transcripts against the real Cog server and ours: what comes of them must agree.

Any difference needs an entry in differences.py, and the same entry in docs/compatibility.md. An
entry that no transcript needs any more fails the test.
"""

import copy
import os
import re

import pytest
from coglet import COG
from differences import DIFFERENCES, without_added
from harness import ROOT
from pairs import PAIRS, Pairs
from report import add_to_report
from transcript import load


def transcripts():
    for name in PAIRS:
        for entry in load(name):
            if "full" in entry and not os.environ.get("DREAM_FULL"):
                continue
            yield pytest.param(name, entry, id=f"{name}: {entry['name']}")


TRANSCRIPTS = list(transcripts())


@pytest.fixture(scope="module")
def pairs(request):
    if not COG.exists():
        pytest.skip(".deps/cog is missing: tools/test installs it")
    wanted = {item.callspec.params["name"] for item in request.session.items
              if item.function is test_same_answer}
    running = Pairs([name for name in PAIRS if name in wanted])
    yield running
    running.close()


def alike(real, ours, name, leave_out=None):
    real, ours = copy.deepcopy(real), copy.deepcopy(ours)
    for key, (change, where) in DIFFERENCES.items():
        if key != leave_out and re.fullmatch(where, name):
            change(real)
            change(ours)
    return real, ours


SEEN = []


@pytest.mark.parametrize("name, entry", TRANSCRIPTS)
def test_same_answer(pairs, name, entry):
    records = pairs[name].play(entry)
    real, ours = records["real"], records["ours"]
    without_added(real, ours)
    title = f"{name}: {entry['name']}"
    expected, got = alike(real, ours, title)
    SEEN.append((title, real, ours, got == expected))
    assert got == expected


def test_every_difference_is_needed():
    if len(SEEN) < len(TRANSCRIPTS):
        pytest.skip("needs all transcripts to have run")
    for key in DIFFERENCES:
        needed = any(real != ours for name, first, second, equal in SEEN
                     for real, ours in [alike(first, second, name, leave_out=key)])
        assert needed, f"{key} is not needed any more"


def test_differences_are_documented():
    text = (ROOT / "docs" / "compatibility.md").read_text()
    documented = set(re.findall(r"^\| `([a-z0-9-]+)` \|", text, flags=re.M))
    assert documented == set(DIFFERENCES)


def test_there_are_enough_transcripts():
    assert len(TRANSCRIPTS) >= 200
    names = [f"{name}: {entry['name']}" for name, entry in (p.values for p in TRANSCRIPTS)]
    assert len(set(names)) == len(names)
    add_to_report("transcripts", [sum(equal for *_, equal in SEEN), len(TRANSCRIPTS)])
