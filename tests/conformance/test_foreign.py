"""The cases of other servers' test suites, transcribed: each must pass against ours.

A case that cannot apply says why, in its table, and stands in the report with its reason."""

import collections

import foreign_cog
import foreign_http
import foreign_runtime
import pytest
from expectations import mismatch
from report import add_to_report
from servers import Servers
from transcript import Play, filled

# suite: (its cases, how many tests it has there)
SUITES = {
    "cog: integration tests over HTTP": (foreign_cog.INTEGRATION, 47),
    "cog: concurrent tests": (foreign_cog.CONCURRENT, 4),
    "cog 0.16: server tests": (foreign_http.CASES, 75),
    "cog-runtime: tests": (foreign_runtime.CASES, 46),
}
PASSED = collections.Counter()
PLAYED = set()


@pytest.fixture(scope="module")
def servers():
    started = Servers()
    yield started
    started.close()


def check(step, record):
    if "expect" in step:
        status, body = step["expect"]
        assert record["status"] == status, record
        wrong = "" if body is None else mismatch(record.get("body"), body)
    elif "last" in step:
        wrong = mismatch(record["webhooks"][-1], step["last"], "the last webhook")
    elif "all" in step:
        kind = next(kind for kind in ("webhooks", "uploads", "answers") if kind in record)
        wrong = mismatch(record[kind], step["all"], kind)
    else:
        wrong = record.get("exit") and f"the server ended with {record['exit']}"
    assert not wrong, wrong


def play(case, servers):
    server = servers.get(case.server, case.fresh)
    session = Play(server, server.around)
    for step in case.steps:
        if "receiver" in step:
            server.around.receiver.answers = list(step["receiver"])
            continue
        told = {key: value for key, value in step.items() if key not in ("expect", "last", "all")}
        record = session.step(filled(told, server.around.names))
        if record is not None:
            check(step, server.around.anonymous([record])[0])


@pytest.mark.parametrize("suite, case", [
    pytest.param(suite, case, id=f"{suite}: {case.name}")
    for suite, (cases, _) in SUITES.items() for case in cases if not case.cannot])
def test_case(servers, suite, case):
    steps = (case.server, *map(repr, case.steps))  # cases that come to the same are played once
    if steps not in PLAYED:
        play(case, servers)
        PLAYED.add(steps)
    PASSED[suite] += 1


@pytest.mark.parametrize("suite", SUITES)
def test_no_case_is_left_out(suite):
    cases, count = SUITES[suite]
    names = [case.name for case in cases]
    assert len(set(names)) == len(names)
    assert len({name.split("/")[0] for name in names}) == count
    assert all(case.cannot or case.steps for case in cases)


def test_report():
    rows = []
    for suite, (cases, _) in SUITES.items():
        reasons = collections.defaultdict(list)
        for case in cases:
            if case.cannot:
                reasons[case.cannot].append(case.name)
        rows.append({"suite": suite, "passed": PASSED[suite], "cases": len(cases),
                     "cannot": reasons})
    add_to_report("foreign", rows)
