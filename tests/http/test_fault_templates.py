"""Templates with one fault each, as tests/faults/faults.json lists them: every one says what is
wrong with it, the host lives on, and a healthy template beside it still works."""

import json
import os
import subprocess

import pytest
from harness import BUILD, ROOT, wait_until

ROWS = json.loads((ROOT / "tests/faults/faults.json").read_text())
TEMPLATES = BUILD / "lib/dream/test_templates"
BEFORE_RUN = [row for row in ROWS if row["when"] in ("load", "setup")]
IN_RUN = [row for row in ROWS if row["when"] == "run"]
AT_END = [row for row in ROWS if row["when"] == "destroy"]


def by_name(rows):
    return pytest.mark.parametrize("row", rows, ids=[row["name"] for row in rows])


def dream(*arguments):
    environment = {**os.environ, "DREAM_TEMPLATE_PATH": str(TEMPLATES)}
    return subprocess.run([BUILD / "bin/dream", *arguments, "--weights", "none"], text=True,
                          capture_output=True, timeout=120, env=environment)


def assert_healthy(server, template=None):
    body = server.predict({"text": "still here"}, template).json
    assert body["status"] == "succeeded" and body["output"]["text"] == "still here", body


def test_there_are_enough_faults():
    assert len(ROWS) >= 25
    assert len({row["name"] for row in ROWS}) == len(ROWS)


@by_name([row for row in BEFORE_RUN if row["expect"] != "succeeded"])
def test_a_template_that_cannot_start(serve, row):
    """Named on the command line, it is a failed set-up with its reason; the server answers."""
    server = serve(row["name"], wait=None)
    wait_until(server.listening, what="listening")
    server.wait_for("SETUP_FAILED", "DEFUNCT", limit_s=40)
    setup = server.get("/health-check").json["setup"]
    assert setup["status"] == "failed"
    assert row["message"] in setup["logs"], setup["logs"]
    assert row["name"] in setup["logs"] or row["expect"] == "crash", setup["logs"]
    refused = server.predict({})
    assert refused.status == 503, refused.text
    assert server.post("/shutdown").status == 200
    assert server.wait_exit() == 0


@by_name([row for row in BEFORE_RUN if row["expect"] == "succeeded"])
def test_a_flaw_that_does_no_harm(serve, row):
    server = serve("echo", row["name"])
    assert server.predict(row["inputs"], row["name"]).json["status"] == "succeeded"
    assert_healthy(server)


@by_name(IN_RUN)
def test_a_run_that_goes_wrong(serve, row):
    """Its prediction ends as it must; the next one, on a healthy template, succeeds."""
    server = serve("echo", row["name"])
    pid = server.workers()[0]
    body = server.predict(row["inputs"], row["name"]).json
    if row["expect"] == "succeeded":
        assert body["status"] == "succeeded", body["error"]
    else:
        assert body["status"] == "failed", body
        assert body["error"] and row["message"] in body["error"], body["error"]
    server.wait_for("READY")
    assert_healthy(server)
    if row["expect"] != "crash":
        assert server.workers() == [pid], "the worker was replaced"
    assert len(body["logs"]) < (16 << 20) + 1000


@by_name([row for row in IN_RUN if row["expect"] == "crash"])
def test_a_crash_spares_the_other_slot(serve, row):
    server = serve("sleeper", row["name"], args=["--concurrency", "2", "--isolation", "slot"])
    server.start({"seconds": 3, "message": "survived"}, id="other")
    assert server.predict(row["inputs"], row["name"]).json["status"] == "failed"
    running = server.request("PUT", "/predictions/other", {"input": {}})
    assert running.status == 202 and running.json["status"] == "processing", running.text


@by_name(AT_END)
def test_an_end_that_goes_wrong(serve, row):
    server = serve("echo", row["name"])
    assert server.predict(row["inputs"], row["name"]).json["status"] == "succeeded"
    assert_healthy(server)
    server.post("/shutdown")
    assert server.wait_exit() == 0
    assert row["message"] in server.log()


def test_the_listing_names_every_refusal():
    done = dream("templates", "--json")
    assert done.returncode == 0, done.stderr
    entries = {os.path.basename(entry["path"]): entry for entry in json.loads(done.stdout)}
    for row in ROWS:
        entry = entries[row["name"] + ".so"]
        if row["when"] == "load" and row["expect"] != "succeeded":
            assert row["message"] in entry["refusal"], entry
        else:
            assert "refusal" not in entry, entry
    for name in ("echo", "sleeper", "counter"):
        assert entries[name + ".so"]["inputs"]


def test_serving_all_leaves_out_what_is_refused(serve, tmp_path):
    for name in ("echo", "wrong_major", "bad_schema", "not_an_elf_file"):
        (tmp_path / f"{name}.so").symlink_to(TEMPLATES / f"{name}.so")
    server = serve("--all", env={"DREAM_TEMPLATE_PATH": str(tmp_path)})
    served = [entry["name"] for entry in server.get("/templates").json["templates"]]
    assert "echo" in served and not {"wrong_major", "bad_schema", "not_an_elf_file"} & set(served)
    assert_healthy(server, "echo")
    assert "built for SDK 2.0" in server.log() and "not an ELF file" in server.log()


@by_name([row for row in ROWS if row["expect"] != "succeeded"])
def test_predict_says_why(row):
    done = dream("predict", row["name"])
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert row["message"] in done.stderr
    assert done.stdout == "" or row["when"] == "run"  # what it gave before it went wrong
