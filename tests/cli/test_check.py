"""`dream templates check`: sound templates pass, each one-fault template fails in its own row."""
import json
import re
import subprocess
import time

import pytest

from conftest import BUILD, ROOT, TEST_TEMPLATES

# Those that a picture leads differ in their names alone: one stands for all.
IN_TREE = [BUILD / f"lib/dream/templates/{name}.so" for name in ("vanilla", "controlnet-canny")]
HEALTHY = ["echo", "sleeper", "counter", "trainer", "file_series"]
FAULTS = {row["name"]: row
          for row in json.loads((ROOT / "tests/faults/faults.json").read_text())}
CHECKS = ["note", "exports", "describe", "schema", "set-up", "run", "two-in-one", "bad-input",
          "cancel", "concurrency", "exceptions", "traces", "shutdown", "leaks"]

# The check that finds the fault, and what it says where the template's own message is silent.
FOUND_BY = {
    **dict.fromkeys(["wrong_major", "newer_minor", "unknown_tier", "other_torch", "no_note",
                     "corrupt_note", "truncated_file", "not_an_elf_file"], "note"),
    **dict.fromkeys(["no_entry", "extra_symbols"], "exports"),
    **dict.fromkeys(["null_entry", "no_run_function", "small_struct", "crashes_when_loaded",
                     "throws_in_describe"], "describe"),
    **dict.fromkeys(["bad_schema", "duplicate_input", "no_description", "bad_input_name"],
                    "schema"),
    **dict.fromkeys(["throws_in_create", "aborts_in_create"], "set-up"),
    **dict.fromkeys(["throws_int_in_run", "throws_in_thread", "aborts_in_run", "segfaults_in_run",
                     "overflows_stack", "terminates_in_run", "frees_twice", "exits_in_run",
                     "emits_wrong_type", "emits_twice", "emits_missing_file"], "run"),
    "ignores_cancel": "cancel",
    **dict.fromkeys(["floods_logs", "closes_stdout", "changes_folder", "leaks_thread",
                     "forks_child"], "traces"),
    "throws_in_destroy": "shutdown",
}
SAYS = {"extra_symbols": "symbol", "floods_logs": "MiB of logs", "closes_stdout": "fd 1",
        "changes_folder": "working directory", "leaks_thread": "threads",
        "forks_child": "child process", "ignores_cancel": "cancel", "throws_in_thread": "killed",
        "terminates_in_run": "killed", "exits_in_run": "exited with code 0"}
table = []


@pytest.fixture
def check(dream):
    def run(file, *arguments):
        started = time.monotonic()
        done = dream("templates", "check", file, "--json", "--limit", 10, *arguments)
        assert done.returncode in (0, 1), done.stderr
        report = json.loads(done.stdout)
        assert report["passed"] == (done.returncode == 0)
        rows = {row["name"]: row for row in report["checks"]}
        assert list(rows) == CHECKS
        failed = [name for name, row in rows.items() if row["result"] == "fail"]
        detail = rows[failed[0]]["detail"] if failed else "sound"
        table.append((report["file"].rsplit("/", 1)[1], ", ".join(failed) or "-",
                      time.monotonic() - started, detail))
        return report, rows, failed
    return run


@pytest.fixture(scope="module", autouse=True)
def print_table(request):
    yield
    plugins = request.config.pluginmanager
    reporter = plugins.get_plugin("terminalreporter")
    with plugins.get_plugin("capturemanager").global_and_fixture_disabled():
        reporter.write_line("")
        for name, failed, seconds, detail in table:
            reporter.write_line(f"{name:24} {failed:36} {seconds:5.1f} s  {detail[:100]}")


def test_every_fault_has_its_check():
    assert set(FOUND_BY) == set(FAULTS)


@pytest.mark.skipif(not (BUILD / "lib/dream/libdream_engine.so").exists(),
                    reason="a build without the engine")
@pytest.mark.parametrize("file", IN_TREE, ids=[file.stem for file in IN_TREE])
def test_in_tree_templates_are_sound(check, dream, file, tmp_path):
    weights = ROOT / "weights/emoji-sd/model"
    assert dream("weights", "init", "--arch", "controlnet-emoji",
                 tmp_path / "controlnet-canny").returncode == 0
    report, rows, failed = check(file, "--weights", weights, "--models", tmp_path, "--runs", 12)
    assert not failed, [rows[name] for name in failed]
    assert rows["run"]["result"] == "pass"


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_helpers_are_sound(check, name):
    report, rows, failed = check(TEST_TEMPLATES / f"{name}.so", "--runs", 30)
    assert not failed, [rows[name] for name in failed]
    skipped = {name for name, row in rows.items() if row["result"] == "skip"}
    assert skipped <= {"leaks", "concurrency", "cancel"}, skipped


def test_cancel_and_concurrency_are_measured(check):
    _, rows, _ = check(TEST_TEMPLATES / "sleeper.so", "--runs", 1)
    assert re.search(r"ended \d+ ms after the cancel", rows["cancel"]["detail"])
    assert rows["concurrency"]["result"] == "pass"


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found(check, name):
    report, rows, failed = check(TEST_TEMPLATES / f"{name}.so", "--runs", 4)
    row = rows[FOUND_BY[name]]
    assert row["result"] == "fail", rows
    assert SAYS.get(name, FAULTS[name]["message"]) in row["detail"], row
    before = CHECKS[:CHECKS.index(FOUND_BY[name])]
    early = [other for other in before if rows[other]["result"] == "fail"]
    allowed = {"describe"} if FOUND_BY[name] == "schema" else {"bad-input", "two-in-one"}
    assert set(early) <= allowed, early


def test_the_report_is_a_table_for_people(dream):
    done = dream("templates", "check", TEST_TEMPLATES / "bad_schema.so", "--seed", 7)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].endswith("bad_schema.so, seed 7")
    rows = [re.fullmatch(r"  (\S+) +(pass|FAIL|skip) +\d+ ms  (.+)", line) for line in lines[1:-1]]
    assert [row[1] for row in rows] == CHECKS
    assert len({line.index(" ms  ") for line in lines[1:-1]}) == 1
    assert "FAILED" in lines[-1]


def test_a_seed_makes_the_same_runs(dream):
    def detail(seed):
        done = dream("templates", "check", TEST_TEMPLATES / "echo.so", "--json", "--seed", seed)
        return next(row["detail"] for row in json.loads(done.stdout)["checks"]
                    if row["name"] == "bad-input")
    assert detail(5) == detail(5)
    assert "seed 5" in detail(5)


@pytest.mark.parametrize("arguments, says", [
    ([], "file"), (["absent.so"], "absent.so"), ([".", "--runs", "0"], "runs")])
def test_wrong_usage(dream, arguments, says):
    done = dream("templates", "check", *arguments)
    assert done.returncode == 2
    assert says in done.stderr and done.stdout == ""


def test_nothing_is_left_behind(dream, tmp_path):
    folder = tmp_path / "tmp"
    folder.mkdir()
    dream("templates", "check", TEST_TEMPLATES / "forks_child.so", "--runs", 2,
          env={"TMPDIR": str(folder)})
    assert list(folder.iterdir()) == []
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert not [line for line in listed.splitlines()
                if str(BUILD / "bin/dream-worker") in line and "forks" in line]
