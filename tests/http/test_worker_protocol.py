"""dream-worker driven over its protocol: set-up, runs, cancels, crashes."""
import signal
import subprocess
import time

import pytest
from worker_client import TEST_TEMPLATES, Worker, of_type


def template(name):
    return TEST_TEMPLATES / f"{name}.so"


@pytest.fixture
def worker():
    with Worker() as started:
        yield started


def started(worker, *names, **options):
    ready = worker.init(*map(template, names), **options)
    assert ready["type"] == "ready", ready
    return ready


def test_ready_carries_the_schemas(worker):
    ready = started(worker, "echo", "counter")
    echo, counter = ready["templates"]
    assert (echo["name"], echo["version"], echo["sdk"]) == ("echo", "1.0.0", "1.3")
    assert echo["description"] and echo["path"] == str(template("echo"))
    assert echo["max_concurrency"] == 8
    assert echo["output"] == {"type": "json", "kind": "single"}
    assert counter["output"] == {"type": "string", "kind": "iterator"}
    inputs = {entry["name"]: entry for entry in echo["inputs"]}
    assert list(inputs)[:3] == ["text", "number", "count"]
    assert "default" not in inputs["text"] and not inputs["text"]["nullable"]
    assert inputs["number"] == {"name": "number", "type": "number", "list": False,
                                "nullable": False, "description": "A number", "default": 1.5,
                                "ge": 0, "le": 10}
    assert inputs["choice"]["choices"] == ["a", "b", "c"]
    assert inputs["numbers"]["list"] and inputs["numbers"]["default"] == []
    assert inputs["secret"]["type"] == "secret" and inputs["secret"]["nullable"]
    assert inputs["either"]["any_of"] == ["string", "integer"]


def test_values_reach_the_template_and_come_back(worker, tmp_path):
    started(worker, "echo")
    file = tmp_path / "in.txt"
    file.write_text("hello")
    messages = worker.run("echo", tmp_path / "out", text='ü "q"\n😀', number=2, count=7.0, flag=True,
                          choice="b", numbers=[1, -2], note=None, secret="hush", file=str(file),
                          any={"a": [1, None]}, either=5)
    assert messages[-1] == {"type": "done", "status": "succeeded"}
    [output] = of_type(messages, "output")
    assert output["value"] == {
        "text": 'ü "q"\n😀', "number": 2, "count": 7, "flag": True, "choice": "b",
        "numbers": [1, -2], "note": None, "secret": "***",
        "file": {"size": 5, "content": "hello"}, "any": {"a": [1, None]}, "either": 5}
    assert file.exists()


def test_a_wrong_input_fails_by_name(worker, tmp_path):
    started(worker, "echo")
    assert worker.run("echo", tmp_path)[-1] == {
        "type": "done", "status": "failed", "error": "input 'text' is missing", "bad_input": True}
    done = worker.run("echo", tmp_path, text="x", numbers=["a"])[-1]
    assert done["status"] == "failed" and "input 'numbers': \"a\" is not of type" in done["error"]
    done = worker.run("echo", tmp_path, text="x", secret=12345)[-1]
    assert done["status"] == "failed" and "12345" not in done["error"]
    assert worker.run("echo", tmp_path, text="x")[-1]["status"] == "succeeded"


def test_outputs_logs_progress_and_metrics_come_in_order(worker, tmp_path):
    started(worker, "counter")
    messages = worker.run("counter", tmp_path, count=3)
    assert [m["value"] for m in of_type(messages, "output")] == ["item-0", "item-1", "item-2"]
    assert [m["message"] for m in of_type(messages, "log")][0] == "counted item-0"
    assert of_type(messages, "metric") == [
        {"type": "metric", "name": "counted", "value": 3, "mode": "replace"}]
    steps = [m["step"] for m in of_type(messages, "progress")]
    assert steps[0] == 1 and steps[-1] == 3
    kinds = [m["type"] for m in messages]
    assert kinds.index("log") < kinds.index("output") < kinds.index("done")


def test_progress_is_sparse(worker, tmp_path):
    started(worker, "counter")
    messages = worker.run("counter", tmp_path, count=20000)
    progress = of_type(messages, "progress")
    assert len(of_type(messages, "output")) == 20000
    assert progress[0]["step"] == 1 and progress[-1]["step"] == 20000
    assert len(progress) <= 2 + 20 * progress[-1]["elapsed_s"] + 1


def test_cancel_stops_within_a_moment(worker, tmp_path):
    started(worker, "sleeper")
    worker.predict("sleeper", tmp_path, id="long", seconds=60)
    worker.slots[0].until("progress")
    begin = time.monotonic()
    worker.control.send({"type": "cancel", "slot": 0, "id": "long"})
    assert worker.slots[0].until("done")[-1] == {"type": "done", "status": "canceled"}
    assert time.monotonic() - begin < 0.5
    assert worker.run("sleeper", tmp_path, id="next", seconds=0)[-1]["status"] == "succeeded"


def test_a_cancel_that_comes_first_is_remembered(worker, tmp_path):
    started(worker, "sleeper")
    worker.control.send({"type": "cancel", "slot": 0, "id": "early"})
    worker.control.send({"type": "healthcheck", "template": "sleeper"})  # the cancel is read now
    worker.control.until("healthcheck_result")
    assert worker.run("sleeper", tmp_path, id="other", seconds=0)[-1]["status"] == "succeeded"
    assert worker.run("sleeper", tmp_path, id="early", seconds=30)[-1]["status"] == "canceled"
    assert worker.run("sleeper", tmp_path, id="early", seconds=0)[-1]["status"] == "succeeded"


def test_a_cancel_that_comes_too_late_spares_the_next_run_of_its_id(worker, tmp_path):
    started(worker, "sleeper")

    def predict(run):
        worker.slots[0].send({"type": "predict", "id": "again", "run": run, "template": "sleeper",
                              "input": {"seconds": 0}, "output_dir": str(tmp_path)})
        return worker.slots[0].until("done")[-1]["status"]

    assert predict(1) == "succeeded"
    worker.control.send({"type": "cancel", "slot": 0, "id": "again", "run": 1})
    worker.control.send({"type": "ping"})
    assert worker.control.until("pong")[-1] == {"type": "pong"}
    assert predict(2) == "succeeded"
    worker.control.send({"type": "cancel", "slot": 0, "id": "again", "run": 3})
    worker.control.send({"type": "ping"})
    worker.control.until("pong")
    assert predict(3) == "canceled"


def test_a_run_that_ends_well_after_its_cancel_is_canceled(worker, tmp_path):
    started(worker, "ignores_cancel")
    worker.predict("ignores_cancel", tmp_path, id="p", seconds=0.6)
    worker.control.send({"type": "cancel", "slot": 0, "id": "p"})
    assert worker.slots[0].until("done")[-1] == {"type": "done", "status": "canceled"}


def test_health_and_other_slots_answer_during_a_run(tmp_path):
    with Worker(slots=2) as worker:
        started(worker, "sleeper")
        worker.predict("sleeper", tmp_path, slot=0, id="a", seconds=30)
        begin = time.monotonic()
        worker.control.send({"type": "healthcheck", "template": "sleeper"})
        assert worker.control.until("healthcheck_result")[-1] == {
            "type": "healthcheck_result", "template": "sleeper", "healthy": True}
        done = worker.run("sleeper", tmp_path, slot=1, id="b", seconds=0)[-1]
        assert done["status"] == "succeeded"
        assert time.monotonic() - begin < 5
        worker.control.send({"type": "cancel", "slot": 0, "id": "a"})
        assert worker.slots[0].until("done")[-1]["status"] == "canceled"


def test_no_more_runs_at_once_than_the_template_allows(tmp_path):
    with Worker(slots=2) as worker:
        started(worker, "ignores_cancel")  # allows one
        begin = time.monotonic()
        for slot in (0, 1):
            worker.predict("ignores_cancel", tmp_path, slot=slot, id=str(slot), seconds=0.3)
        for slot in (0, 1):
            assert worker.slots[slot].until("done")[-1]["status"] == "succeeded"
        assert time.monotonic() - begin > 0.6


@pytest.mark.parametrize("name, words", [
    ("segfaults_in_run", "SIGSEGV"),
    ("aborts_in_run", "SIGABRT"),
])
def test_a_crash_ends_the_worker_with_one_line(worker, tmp_path, name, words):
    started(worker, name)
    assert worker.run(name, tmp_path, id="p-9")[-1] is None
    assert worker.process.wait(10) < 0
    assert words in worker.output()
    assert f"template {name}, prediction p-9" in worker.output()


def test_a_foreign_exception_fails_the_prediction_alone(worker, tmp_path):
    started(worker, "throws_int_in_run", "echo")
    done = worker.run("throws_int_in_run", tmp_path)[-1]
    assert done["status"] == "failed" and "int" in done["error"] and "bad_input" not in done
    assert worker.run("echo", tmp_path, text="x")[-1]["status"] == "succeeded"


@pytest.mark.parametrize("name, words", [
    ("wrong_major", ["this dream speaks SDK 1.3", "update dream"]),
    ("newer_minor", ["built for SDK 1.", "this dream speaks SDK 1.3", "SDK ≤ 1.3"]),
    ("no_note", ["no DREAM ABI note", "dream_add_template"]),
    ("corrupt_note", ["ABI note is corrupt"]),
    ("no_entry", ["does not export dream_template_entry"]),
])
def test_a_template_that_does_not_fit_is_refused_before_its_code_runs(worker, name, words):
    failed = worker.init(template(name))  # its constructor would abort the worker
    assert failed["type"] == "setup_failed" and failed["template"] == name, failed
    for word in words + [f"{name}.so"]:
        assert word in failed["error"]
    assert worker.process.wait(10) == 1


def test_a_failed_constructor_is_reported(worker):
    failed = worker.init(template("throws_in_create"))
    assert failed["type"] == "setup_failed" and failed["template"] == "throws_in_create"
    assert failed["error"]
    assert worker.process.wait(10) == 1


def test_a_file_that_is_no_library_is_refused(worker, tmp_path):
    (tmp_path / "x.so").write_text("not a library")
    failed = worker.init(tmp_path / "x.so")
    assert "not an ELF file" in failed["error"]


def test_describe_only_leaves_bad_ones_out(worker, tmp_path):
    ready = started(worker, "echo", "no_note", "throws_in_create", setup=False)
    assert [entry["name"] for entry in ready["templates"]] == ["echo", "throws_in_create"]
    assert any(m["type"] == "log" and "no_note.so" in m["message"]
               for m in worker.setup_messages)
    done = worker.run("echo", tmp_path, text="x")[-1]
    assert done["status"] == "failed" and "not set up" in done["error"]


def test_describe_only_fails_if_nothing_is_left(worker):
    failed = worker.init(template("no_note"), setup=False)
    assert failed["type"] == "setup_failed" and "no_note.so" in failed["error"]


def test_it_ends_with_its_host(worker):
    started(worker, "echo")
    worker.control.ours.close()
    assert worker.process.wait(5) == 0


def test_shutdown_cancels_and_ends(worker, tmp_path):
    started(worker, "sleeper")
    worker.predict("sleeper", tmp_path, id="long", seconds=60)
    worker.slots[0].until("progress")
    worker.control.send({"type": "shutdown"})
    assert worker.slots[0].until("done")[-1]["status"] == "canceled"
    assert worker.process.wait(5) == 0


def test_ctrl_c_is_left_to_the_host(worker, tmp_path):
    started(worker, "echo")
    worker.process.send_signal(signal.SIGINT)
    assert worker.run("echo", tmp_path, text="x")[-1]["status"] == "succeeded"


def test_starting_by_hand_explains_itself():
    from worker_client import WORKER
    done = subprocess.run([WORKER], capture_output=True, text=True)
    assert done.returncode != 0 and "--control-fd" in done.stderr
