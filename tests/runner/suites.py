"""The suites of tools/test: what each builds, how it runs, how its results are counted."""
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from conformance_report import print_conformance
from platform_report import print_platform

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"


@dataclass
class Suite:
    about: str
    run: Callable[[bool], tuple[int, int]]  # full → (passed, failed)
    full_only: bool = False


def build(preset, *targets):
    """Builds a preset through tools/lib/setup.sh: people and tests see the same progress."""
    script = f'set -euo pipefail; root="{ROOT}"; source "$root/tools/lib/setup.sh"; build "$@"'
    done = subprocess.run(["bash", "-c", script, "build", preset, *targets])
    return done.returncode == 0


FAILED = []  # the names of the tests that did, for the end of the run


def count_junit(path):
    passed = failed = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        tags = {child.tag for child in case}
        if tags & {"failure", "error"}:
            failed += 1
            FAILED.append(" ".join(filter(None, (case.get("classname"), case.get("name")))))
        # ctest marks a test that did not run by its status.
        passed += not tags & {"failure", "error", "skipped"} and case.get("status") != "notrun"
    return passed, failed


def ctest(preset, environment=None):
    if not build(preset):
        return 0, 1
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        done = subprocess.run(
            ["ctest", "--test-dir", BUILD / preset, "-j2", "--timeout", "300", "--output-junit",
             report, "--quiet", "--output-log", BUILD / f"{preset}.ctest.log"],
            env=os.environ | (environment or {}))
        passed, failed = count_junit(report)
    if done.returncode:
        print((BUILD / f"{preset}.ctest.log").read_text(errors="replace")[-20000:])
    return passed, max(failed, 1 if done.returncode else 0)


def gtest(preset, programs, environment):
    """Builds and runs single test programs: the small tier of a build that is dear."""
    if not build(preset, *programs):
        return 0, 1
    passed = failed = 0
    for program in programs:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            done = subprocess.run([BUILD / preset / "bin" / program, f"--gtest_output=xml:{report}",
                                   "--gtest_brief=1"], env=os.environ | environment)
            counts = count_junit(report) if report.exists() else (0, 1)
        passed, failed = passed + counts[0], failed + max(counts[1], bool(done.returncode))
    return passed, failed


def sanitized(preset, full):
    """All unit tests of the torch-free rooms in --full; in CI those of the parsers."""
    if full:
        return ctest(preset, SANITIZER_OPTIONS)
    return gtest(preset, ["weights_tests", "oci_tests", "test_engine_text"], SANITIZER_OPTIONS)


# Two tests at a time: most of a test is the start of a program, on one core.
IN_PAIRS = ("-n", "2", "--dist", "worksteal")
FILES_IN_PAIRS = ("-n", "2", "--dist", "loadfile")  # where the tests of a file share a server


def pytest(folder, full, preset="dev", arguments=(), environment=None):
    if preset and not build(preset):
        return 0, 1
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "1200",
             f"--junitxml={report}", ROOT / "tests" / folder, *arguments],
            env=os.environ | {"DREAM_BUILD_DIR": str(BUILD / (preset or "dev")),
                              "DREAM_FULL": "1" if full else "", **(environment or {})}, cwd=ROOT)
        passed, failed = count_junit(report) if report.exists() else (0, 1)
    return passed, max(failed, 1 if done.returncode else 0)


SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"halt_on_error=1:suppressions={ROOT}/tests/runner/tsan.supp",
}


def fuzz_target(target, seconds):
    """Runs one libFuzzer target over its seed corpus: (good, what to print)."""
    corpus = ROOT / "tests/fuzz/corpus" / target.name.removeprefix("fuzz_")
    with tempfile.TemporaryDirectory() as found:
        done = subprocess.run(
            [target, found, corpus, f"-max_total_time={seconds}", "-timeout=10",
             "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={BUILD}/fuzz/"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env=os.environ | SANITIZER_OPTIONS)
    runs = re.search(r"number_of_executed_units:\s*(\d+)", done.stdout)
    good = done.returncode == 0 and runs and int(runs[1]) > 100
    line = f"  {target.name}: {runs[1] if runs else 0} inputs, {'ok' if good else 'FAILED'}"
    return bool(good), line if good else f"{line}\n{done.stdout[-6000:]}"


def fuzz(full):
    """Every libFuzzer target, one on each core: seconds in CI, minutes in --full."""
    if not build("fuzz", "fuzz"):
        return 0, 1
    passed = failed = 0
    targets = sorted((BUILD / "fuzz/bin").glob("fuzz_*"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for good, text in pool.map(lambda each: fuzz_target(each, 300 if full else 12), targets):
            print(text, flush=True)
            passed, failed = passed + good, failed + (not good)
    return passed, max(failed, 0 if passed else 1)


DIFFERENTIAL = ROOT / "tests/http/test_differential.py"
FAULTS = [path for name in ("test_faults*.py", "test_kill_runs.py", "test_isolation.py")
          for path in sorted((ROOT / "tests/http").glob(name))]


# What pushes to a registry; the rest of tests/oci builds.
REGISTRY = [ROOT / "tests/oci" / name for name in ("test_push.py", "test_faults.py")]
BUILDS = [path for path in sorted((ROOT / "tests/oci").glob("test_*.py")) if path not in REGISTRY]


def reported(show, *runs):
    """A suite that closes with what its tests found out; `runs`: environment → (passed, failed)."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.jsonl"
        counts = [run({"DREAM_TEST_REPORT": str(report)}) for run in runs]
        if report.exists():
            show(report)
    return tuple(map(sum, zip(*counts)))


def conformance(full):
    """Beside the real Cog server, and its tests."""
    return reported(print_conformance, lambda environment: pytest(
        "conformance", full, arguments=[DIFFERENTIAL, *FAULTS], environment=environment))


def platform(full):
    return reported(
        print_platform,
        lambda environment: pytest("platform", full, arguments=FILES_IN_PAIRS,
                                   environment=environment),
        lambda environment: pytest("oci", full, arguments=[*IN_PAIRS, *without(BUILDS)],
                                   environment=environment))


def without(paths):
    return [f"--ignore={path}" for path in paths]


ALL = {
    "tidy": Suite("house rules, as failing tests", lambda full: pytest("tidy", full, preset=None)),
    "unit": Suite("GoogleTest, all rooms", lambda full: ctest("dev")),
    "parity": Suite("engine against diffusers and transformers, live",
                    lambda full: pytest("parity", full, arguments=IN_PAIRS)),
    "http": Suite("the server as clients see it, workers and crashes",
                  lambda full: pytest("http", full, arguments=without([DIFFERENTIAL, *FAULTS]))),
    "conformance": Suite("the Cog wire beside the real server, its own tests, faults, load",
                         conformance),
    "cli": Suite("the dream program, as typed", lambda full: pytest("cli", full)),
    "oci": Suite("images: built, judged by skopeo and umoci",
                 lambda full: pytest("oci", full, arguments=without(REGISTRY))),
    "platform": Suite("the Dreambooth API: its clients, steps, registries, with kills", platform),
    "web": Suite("the playground in a browser", lambda full: pytest("web", full)),
    "asan": Suite("unit tests of the torch-free rooms under ASan and UBSan (CI: the parsers)",
                  lambda full: sanitized("asan", full)),
    "fuzz": Suite("libFuzzer over every parser", fuzz),
    "tsan": Suite("unit tests of the torch-free rooms under TSan",
                  lambda full: sanitized("tsan", full), full_only=True),
}
