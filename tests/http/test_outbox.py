"""`--state-dir`: the last webhook of a prediction arrives whatever becomes of the server, and the
server goes on whatever becomes of the folder."""

import contextlib
import os
import pathlib
import signal
import sqlite3
import subprocess
import time

import pytest
from harness import BUILD, Receiver, free_port, wait_until
from signatures import new_secret, problem_of

STOPPED = "the server was stopped while this prediction ran or waited"
LAST = {"webhook_events_filter": ["completed"]}


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def host(serve, state):
    """host() starts a server on the state directory of the test."""
    def start(*templates, **options):
        return serve(*(templates or ("sleeper", "echo")), args=["--state-dir", str(state)],
                     **options)
    return start


def rows(state, columns="*"):
    path = f"file:{state / 'outbox.sqlite'}?mode=ro"
    with contextlib.closing(sqlite3.connect(path, uri=True)) as database:
        return database.execute(f"SELECT {columns} FROM deliveries ORDER BY number").fetchall()


def murder(server):
    server.process.kill()
    server.wait_exit()


def test_a_host_killed_in_the_middle_of_a_run(host, state, receiver):
    secret = new_secret()
    env = {"WEBHOOK_SIGNING_SECRET": secret}
    first = host(env=env)
    first.start({"seconds": 60, "message": "m"}, id="cut", webhook=receiver.url + "?token=1")
    wait_until(lambda: receiver.of("cut"), what="its start")
    murder(first)
    second = host(env=env)
    end = receiver.terminal("cut")
    assert (end["status"], end["error"]) == ("failed", STOPPED)
    assert end["input"] == {"seconds": 60, "message": "m"} and end["output"] is None
    assert end["created_at"] < end["completed_at"]
    assert problem_of(secret, *receiver.deliveries()) == ""
    wait_until(lambda: rows(state) == [], what="an empty outbox")
    assert "sending 1 webhook(s) that an earlier server left" in second.log()
    assert "cut" not in second.log() and "token" not in second.log()
    murder(second)
    third = host(env=env)
    assert third.predict({"seconds": 0}).json["status"] == "succeeded"
    ends = [body["status"] for body in receiver.of("cut") if body["status"] != "processing"]
    assert ends == ["failed"]


def test_one_that_waited_in_the_queue(serve, state, receiver):
    args = ["--state-dir", str(state), "--queue", "1"]
    first = serve("sleeper", args=args)
    for name in ("runs", "waits"):
        assert first.start({"seconds": 60}, id=name, webhook=receiver.url, **LAST).status == 202
    murder(first)
    serve("sleeper", args=args)
    for name in ("runs", "waits"):
        assert receiver.terminal(name)["error"] == STOPPED
    assert len(receiver.bodies) == 2


def test_a_host_killed_after_the_end_while_the_receiver_is_away(host, state):
    secret, port = new_secret(), free_port()
    env = {"WEBHOOK_SIGNING_SECRET": secret}
    first = host(env=env)
    answer = first.predict({"text": "x"}, "echo", id="done",
                           webhook=f"http://127.0.0.1:{port}/hook", **LAST).json
    assert answer["status"] == "succeeded"
    murder(first)
    with Receiver(port=port) as receiver:
        host(env=env)
        assert receiver.terminal("done") == answer
        assert problem_of(secret, *receiver.deliveries()) == ""
        wait_until(lambda: rows(state) == [], what="an empty outbox")
        time.sleep(0.3)
        assert len(receiver.bodies) == 1


def test_sent_again_with_the_same_id(host, receiver):
    receiver.answers = [503] * 100
    first = host()
    first.predict({"text": "x"}, "echo", id="same", webhook=receiver.url, **LAST)
    wait_until(lambda: len(receiver.bodies) >= 2, what="two tries")
    murder(first)
    tried = len(receiver.bodies)
    receiver.answers = []
    host()
    wait_until(lambda: len(receiver.bodies) > tried, what="another try")
    assert len({headers["webhook-id"] for headers in receiver.headers}) == 1
    assert len(set(receiver.texts)) == 1


def test_a_worker_that_is_killed(host, state, receiver):
    server = host()
    server.start({"seconds": 60}, id="died", webhook=receiver.url, **LAST)
    wait_until(lambda: server.health() == "BUSY", what="the run")
    os.kill(server.workers()[0], signal.SIGKILL)
    assert receiver.terminal("died")["error"].startswith("Worker crashed: ")
    wait_until(lambda: rows(state) == [], what="an empty outbox")


def test_an_end_with_the_receiver_away_is_not_held_up(host, state):
    port = free_port()
    first = host()
    first.predict({"text": "x"}, "echo", id="later", webhook=f"http://127.0.0.1:{port}/hook")
    begin = time.monotonic()
    first.post("/shutdown")
    assert first.wait_exit() == 0 and time.monotonic() - begin < 5
    assert "1 webhook(s) are left in the outbox: the next start sends them" in first.log()
    with Receiver(port=port) as receiver:
        host()
        assert receiver.terminal("later")["status"] == "succeeded"


def test_what_the_outbox_holds(host, state, receiver):
    server = host()
    url = f"http://127.0.0.1:{free_port()}/hook"
    server.predict({"text": "x", "secret": "hunter2"}, "echo", id="kept", webhook=url)
    server.predict({"text": "x"}, "echo", id="no-end", webhook=url,
                   webhook_events_filter=["start", "logs", "output"])
    server.predict({"text": "x"}, "echo", id="no-webhook")
    server.predict({"number": "x"}, "echo", id="refused", webhook=url)
    assert rows(state, "subject, url") == [("kept", url)]
    files = list(state.glob("outbox.sqlite*"))
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    content = b"".join(file.read_bytes() for file in files)
    assert b"hunter2" not in content and b"*****" in content


def test_one_server_at_a_time(host, state):
    first = host()
    second = subprocess.run([BUILD / "bin/dream", "serve", "sleeper", "--port", "0", "--state-dir",
                             state], capture_output=True, text=True, timeout=30,
                            env={**os.environ, "DREAM_TEMPLATE_PATH": str(
                                BUILD / "lib/dream/test_templates")})
    assert second.returncode == 1
    assert (f"the directory {state} is in use by another server (process {first.process.pid})"
            in second.stderr)
    assert first.predict({"seconds": 0}).status == 200


def test_a_folder_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    done = subprocess.run([BUILD / "bin/dream", "serve", "sleeper", "--port", "0", "--state-dir",
                           tmp_path / "file" / "state"], capture_output=True, text=True, timeout=30,
                          env={**os.environ, "DREAM_TEMPLATE_PATH": str(
                              BUILD / "lib/dream/test_templates")})
    assert done.returncode == 1
    assert f"the directory {tmp_path}/file/state cannot be made: Not a directory" in done.stderr


def survives(host, receiver, server, identity):
    server.start({"seconds": 60}, id=identity, webhook=receiver.url, **LAST)
    murder(server)
    host()
    assert receiver.terminal(identity)["error"] == STOPPED


def test_a_damaged_file_is_set_aside(host, state, receiver):
    state.mkdir()
    (state / "outbox.sqlite").write_bytes(os.urandom(20_000))
    server = host()
    assert "the outbox is damaged (" in server.log() and "will not be sent" in server.log()
    [kept] = state.glob("outbox.sqlite.damaged-*")
    assert kept.stat().st_size == 20_000
    survives(host, receiver, server, "after")


def test_a_file_of_a_later_version_is_left_alone(host, state, receiver):
    first = host()
    first.post("/shutdown")
    first.wait_exit()
    with contextlib.closing(sqlite3.connect(state / "outbox.sqlite")) as database:
        database.execute("PRAGMA user_version = 99")
    before = (state / "outbox.sqlite").read_bytes()
    server = host()
    assert "its schema is version 99, of a later version of this program" in server.log()
    assert "may get lost" in server.log()
    server.predict({"text": "x"}, "echo", id="sent", webhook=receiver.url)
    assert receiver.terminal("sent")["status"] == "succeeded"
    assert (state / "outbox.sqlite").read_bytes() == before


@pytest.fixture
def small_disk(state):
    """The state directory as a disk of 400 kB, where this machine lets us make one."""
    state.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", state],
                          capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no small disk can be made here: {made.stderr.strip()}")
    yield state
    subprocess.run(["umount", "-l", state], check=True)


def fill(folder: pathlib.Path):
    with open(folder / "ballast", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


@pytest.mark.parametrize("when", ["from the start", "later"])
def test_a_full_disk(host, small_disk, receiver, when):
    if when == "from the start":
        fill(small_disk)
    server = host()
    fill(small_disk)
    for number in range(20):
        body = server.predict({"text": "x" * 1000}, "echo", id=f"full-{number}",
                              webhook=receiver.url, **LAST).json
        assert body["status"] == "succeeded"
        assert receiver.terminal(f"full-{number}") == body
    assert server.log().count("the outbox cannot be used: ") == 1 and "full" in server.log()
    assert server.log().count("may get lost, or be sent again") == 1
    (small_disk / "ballast").unlink()

    def works_again():
        server.predict({"text": "x"}, "echo", id="again", webhook=receiver.url, **LAST)
        return "the outbox can be used again" in server.log()

    wait_until(works_again, what="an outbox that works")
    survives(host, receiver, server, "after")
