"""Templates that hang, flood, take all memory or leave processes behind, and hosts that are killed:
each prediction ends with its reason within a bounded time, and nothing stays behind."""

import os
import pathlib
import signal
import subprocess
import time

import pytest
from harness import Server, wait_until

MIB = 1 << 20


def resident_mib(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / MIB


def is_gone(pid):
    return not pathlib.Path(f"/proc/{pid}").exists()


def assert_healthy(server, template="echo"):
    server.wait_for("READY")
    body = server.predict({"text": "still here"}, template).json
    assert body["status"] == "succeeded", body


def test_a_worker_that_does_not_answer(serve):
    server = serve("echo", "stops_itself", args=["--worker-watchdog", "1"])
    begin = time.monotonic()
    body = server.predict({}, "stops_itself").json
    assert time.monotonic() - begin < 6
    assert (body["status"], body["error"]) == (
        "failed", "Worker crashed: it did not answer for 1 s")
    assert_healthy(server)


def test_an_ignored_cancel(serve, receiver):
    server = serve("echo", "ignores_cancel", args=["--cancel-limit", "1"])
    server.start({"seconds": 60}, "ignores_cancel", id="deaf", webhook=receiver.url)
    wait_until(lambda: any(body.get("logs") for body in receiver.of("deaf")), what="its log")
    server.post("/predictions/deaf/cancel")
    end = receiver.terminal("deaf", 6)
    assert end["status"] == "canceled" and "ignores cancel" in end["logs"]
    assert_healthy(server)


def test_a_timeout_that_is_ignored(serve):
    server = serve("echo", "ignores_cancel",
                   args=["--cancel-limit", "1", "--prediction-timeout", "1s"])
    body = server.predict({"seconds": 60}, "ignores_cancel").json
    assert body["status"] == "failed"
    assert body["error"] == "the run did not end within 1 s, the server's limit"
    assert_healthy(server)


def test_others_go_on_when_slots_are_apart(serve, receiver):
    server = serve("sleeper", "stops_itself",
                   args=["--isolation", "slot", "--concurrency", "2", "--worker-watchdog", "1"])
    assert len(server.workers()) == 2
    server.start({"seconds": 3, "message": "survived"}, id="other", webhook=receiver.url)
    assert server.predict({}, "stops_itself").json["status"] == "failed"
    assert receiver.terminal("other")["output"] == "survived"


def test_a_flood_of_logs(serve):
    server = serve("echo", "floods_logs")
    server.predict({"text": "warm"})
    before = resident_mib(server.process.pid)
    body = server.predict({}, "floods_logs").json
    assert body["status"] == "succeeded"
    assert len(body["logs"]) < 16 * MIB + 1000
    assert body["logs"].endswith("more lines were dropped]\n"), body["logs"][-200:]
    kept = body["logs"].count("x" * 1000)
    dropped = int(body["logs"].rsplit("[", 1)[1].split()[0])
    assert kept + dropped == 100_000
    assert resident_mib(server.process.pid) - before < 400


def test_memory_that_is_limited(serve):
    server = serve("echo", "eats_memory", args=["--worker-memory", "768MiB"])
    body = server.predict({"mebibytes": 64}, "eats_memory").json
    assert (body["status"], body["output"]) == ("succeeded", 64)
    body = server.predict({"mebibytes": 2048}, "eats_memory").json
    assert body["status"] == "failed" and "a worker may have 768 MiB" in body["error"], body
    assert_healthy(server)


@pytest.fixture
def memory_group():
    """A control group of 400 MiB, where this machine lets us make one."""
    for controller in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup"):
        group = pathlib.Path(controller) / f"dream-test-{os.getpid()}"
        limit = "memory.limit_in_bytes" if controller.endswith("memory") else "memory.max"
        try:
            group.mkdir()
            (group / limit).write_text(str(400 * MIB))
        except OSError:
            if group.exists():
                group.rmdir()
            continue
        yield group
        wait_until(lambda: remove(group), what="an empty control group")
        return
    pytest.skip("no control group with a memory limit can be made here")


def remove(group):
    try:
        group.rmdir()
        return True
    except OSError:
        return False


def test_a_worker_that_runs_out_of_memory(memory_group):
    """SIGKILL by the kernel: the prediction says so, and the server goes on."""
    server = Server("echo", "eats_memory", wait=None)
    try:
        (memory_group / "cgroup.procs").write_text(str(server.process.pid))
        wait_until(server.listening, what="listening")
        server.wait_for("READY")
        for pid in server.workers():
            (memory_group / "cgroup.procs").write_text(str(pid))
        body = server.predict({"mebibytes": 2000}, "eats_memory").json
        assert body["status"] == "failed"
        assert body["error"].startswith("Worker crashed: out of memory: the kernel ended it when "
                                        "it held "), body["error"]
        assert_healthy(server)
    finally:
        server.kill()


def test_processes_that_are_left_behind(serve):
    server = serve("echo", "leaves_daemon")
    [worker] = server.workers()
    daemons = [server.predict({}, "leaves_daemon").json["output"] for _ in range(3)]
    assert not any(map(is_gone, daemons))

    def children_states():
        return subprocess.run(["ps", "-o", "stat=", "--ppid", str(worker)], capture_output=True,
                              text=True).stdout.split()

    # What ends after its run is cleared away when the host next asks whether the worker is alive.
    wait_until(lambda: len(children_states()) == 3, 20, "three children and no zombie")
    assert not any(state.startswith("Z") for state in children_states())
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, daemons)), 5, "the end of what was left behind")
    assert_healthy(server)


def test_a_host_that_is_killed_leaves_nothing_for_long(serve, tmp_path):
    first = serve("sleeper", env={"TMPDIR": str(tmp_path)})
    first.start({"seconds": 60}, id="cut")
    [worker] = first.workers()
    first.process.kill()
    first.wait_exit()
    wait_until(lambda: is_gone(worker), 5, "the worker's end")
    assert len(list(tmp_path.iterdir())) == 1
    second = serve("sleeper", env={"TMPDIR": str(tmp_path)})
    assert len(list(tmp_path.iterdir())) == 1
    third = serve("sleeper", env={"TMPDIR": str(tmp_path)})
    assert len(list(tmp_path.iterdir())) == 2, "a host that lives keeps its folder"
    for server in (second, third):
        server.post("/shutdown")
        server.wait_exit()
    assert list(tmp_path.iterdir()) == []


def test_defunct_once_the_retries_are_spent(serve, receiver):
    server = serve("sleeper", args=["--max-respawns", "0", "--queue", "3"])
    server.start({"seconds": 60}, id="first")
    server.start({"seconds": 0}, id="waits", webhook=receiver.url)
    os.kill(server.workers()[0], signal.SIGKILL)
    server.wait_for("DEFUNCT")
    end = receiver.terminal("waits")
    assert end["status"] == "failed" and "no worker is left" in end["error"]
    assert server.predict({"seconds": 0}).status == 503


def sandboxed(*flags):
    """Whether the server starts with these flags, and what it says if not."""
    server = Server("emits_file", args=flags, wait=None)
    try:
        wait_until(lambda: server.process.poll() is not None or server.listening(),
                   what="listening or refusing")
        if server.process.poll() is not None:
            return None, server.log()
        server.wait_for("READY")
        return server.predict({"text": "x"}).json, server.log()
    finally:
        server.kill()


@pytest.mark.parametrize("flags", [["--worker-read-only-root"], ["--worker-user", "nobody"],
                                   ["--worker-read-only-root", "--worker-user", "nobody"]])
def test_a_confined_worker(flags):
    body, log = sandboxed(*flags)
    if body is None:
        assert "the worker cannot be confined" in log, log
        pytest.skip(log.strip().splitlines()[-1])
    assert body["status"] == "succeeded", body
    assert body["output"].startswith("data:text/plain;base64,")


def test_every_worker_is_held_down(serve):
    server = serve("echo")
    status = pathlib.Path(f"/proc/{server.workers()[0]}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    limits = pathlib.Path(f"/proc/{server.workers()[0]}/limits").read_text()
    assert "Max core file size        0                    0" in limits
