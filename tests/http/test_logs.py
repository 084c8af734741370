"""The server's log as collectors read it: one JSON object per line, whatever is printed."""

import json
import re
import signal
import subprocess

import pytest
from harness import BUILD, wait_until


def lines(server):
    """The objects of the log, which must be nothing else."""
    return [json.loads(line) for line in server.log().split("\n") if line]


def stop(server):
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0


def test_every_line_is_an_object(serve):
    server = serve("echo", args=["--log-format", "json"])
    server.predict({"text": "x", "unknown": 1}, id="id \"1\"\n")
    stop(server)
    for line in lines(server):
        assert list(line)[:3] == ["time", "level", "message"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert line["level"] in ("debug", "info", "warning", "error")
    [warning] = [line for line in lines(server) if line["level"] == "warning"]
    assert warning["prediction"] == "id \"1\"\n" and "unknown" in warning["message"]


def test_what_templates_print_is_escaped(serve):
    hostile = ['"}', "\\u0000\\", "\x1b[31mred\x1b[0m", "tab\tand \x7f", "\u2028 \U0001f98a",
               "{\"level\":\"error\",\"message\":\"forged\"}", "%s%n {} {0}"]
    server = serve("printer", args=["--log-format", "json", "--log-level", "debug"])
    [worker] = server.workers()
    for where in ("log", "stdout", "stderr"):
        assert server.predict({"lines": hostile, "to": where}, id=where).status == 200
    stop(server)
    logged = lines(server)
    for where in ("log", "stdout", "stderr"):
        mine = [line for line in logged if line.get("prediction") == where]
        assert [line["message"] for line in mine] == [
            "started", *hostile, mine[-1]["message"]]
        assert mine[-1]["message"].startswith("succeeded after ")
        assert {line["template"] for line in mine} == {"printer"}
        assert {line["worker"] for line in mine} == {worker}
    assert not [line for line in logged if line["message"] == "forged"]


def test_bytes_that_are_no_text_are_repaired(serve, tmp_path):
    """Of a worker that prints before its set-up is through: they go to the server's log."""
    server = serve("prints_bytes", args=["--log-format", "json"])
    stop(server)
    text = server.log()
    assert "\\u0000" in text and "\ufffd" in text
    [line] = [line for line in lines(server) if "bytes:" in line["message"]]
    assert line["worker"] > 0 and line["level"] == "info"


def test_levels(serve):
    failing = {"seconds": 0, "crash": "an error of its own"}
    server = serve("sleeper", args=["--log-level", "warning"])
    server.predict(failing, id="f")
    server.predict({"seconds": 0})
    stop(server)
    assert re.fullmatch(r'[0-9:.]{12} warning prediction "f": failed: an error of its own\n',
                        server.log())
    server = serve("sleeper", args=["--log-level", "error"])
    server.predict(failing)
    stop(server)
    assert server.log() == ""


@pytest.mark.parametrize("env, is_json, is_debug", [
    ({"LOG_FORMAT": "json"}, True, False), ({"LOG_FORMAT": "console"}, False, False),
    ({"LOG_FORMAT": "json", "COG_LOG_LEVEL": "debug"}, True, True)])
def test_variables_of_cog(serve, env, is_json, is_debug):
    server = serve("echo", env=env)
    server.predict({"text": "x"})
    stop(server)
    first = server.log().splitlines()[0]
    assert first.startswith("{") == is_json
    assert ("succeeded after" in server.log()) == is_debug


def test_flags_come_before_variables_and_wrong_words_are_said(serve):
    server = serve("echo", env={"LOG_FORMAT": "json", "COG_LOG_LEVEL": "loud"},
                   args=["--log-format", "text"])
    stop(server)
    assert not server.log().startswith("{")
    assert "COG_LOG_LEVEL='loud' is ignored" in server.log()


def test_other_commands_log_alike():
    done = subprocess.run([BUILD / "bin" / "dream", "templates", "--log-format", "json"],
                          capture_output=True, text=True, env={"LOG_FORMAT": "xml"})
    assert done.returncode == 0
    warning = json.loads(done.stderr.splitlines()[0])
    assert warning["level"] == "warning" and "LOG_FORMAT='xml'" in warning["message"]
    wrong = subprocess.run([BUILD / "bin" / "dream", "templates", "--log-format", "xml"],
                           capture_output=True, text=True)
    assert wrong.returncode == 2 and "xml" in wrong.stderr


def test_a_workers_end_names_the_process(serve):
    server = serve("sleeper", args=["--log-format", "json"])
    [worker] = server.workers()
    server.predict({"seconds": 0, "crash": "abort"}, id="a")
    wait_until(lambda: any(line.get("worker") == worker and line["level"] == "error"
                           and "Worker crashed" in line["message"] for line in lines(server)))
    assert any(line.get("prediction") == "a" and line["level"] == "warning"
               for line in lines(server))
