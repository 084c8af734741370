"""`dream ui`: the same page for a Cog server that is not ours, through a proxy that streams."""

import http.client
import json
import re
import socket
import subprocess
import time

import pytest
from playwright.sync_api import expect

from conftest import UiServer
from harness import BUILD, Client, free_port, wait_until


@pytest.fixture
def playground(ui, open_page):
    return open_page(f"{ui.url}/ui").ready()


def test_progress_comes_from_the_logs(playground, stub):
    stub.step_s = 0.1
    playground.field("Text").fill("a red square")
    playground.generate()
    expect(playground.page.locator("#progress-text")).to_have_text(
        re.compile(r"Step \d of 8 · 10.0 it/s · about \d s left"))
    playground.finished()
    picture = playground.stage.get_by_role("img", name="a red square, seed 7")
    expect(picture).to_have_count(2)    # as a whole, and in the row of this run's results
    expect(picture.first).to_be_visible()
    expect(playground.tiles()).to_have_count(2)
    expect(playground.tiles().nth(1)).to_contain_text("seed 8")
    assert "/predictions?events=progress,preview" in stub.paths
    # Of the progress lines the logs show the last.
    playground.stage.get_by_text("Logs", exact=True).click()
    logs = playground.stage.get_by_label("Logs")
    expect(logs).to_contain_text("Using seed: 7")
    expect(logs).to_contain_text("8/8")
    expect(logs).not_to_contain_text("3/8")


def test_cancel_reaches_the_target(playground, stub):
    stub.step_s = 0.1
    playground.field("Text").fill("x")
    playground.field("Steps").fill("500")
    playground.generate()
    expect(playground.page.locator("#progress-text")).to_contain_text("of 500")
    playground.button("Cancel").click()
    playground.finished(5)
    assert any(path.endswith("/cancel") for path in stub.paths)
    wait_until(lambda: not stub.canceled, what="the end of the prediction")


def test_a_server_without_streams_answers_as_a_whole(playground, stub):
    playground.expected.append("406")
    stub.streams = False
    stub.step_s = 0.05
    playground.field("Text").fill("x")
    playground.generate()
    expect(playground.page.locator("#progress-text")).to_contain_text("tells no progress")
    playground.finished()
    expect(playground.tiles()).to_have_count(2)


def test_a_busy_server_is_waited_for(playground, stub):
    playground.expected.append("409")
    stub.busy_answers = 2
    playground.field("Text").fill("x")
    playground.generate()
    expect(playground.page.locator("#progress-text")).to_contain_text("waiting for a free slot")
    playground.finished()
    expect(playground.tiles()).to_have_count(2)


@pytest.mark.parametrize("mode, shown", [
    ("say", "hello"), ("file", "A file of 22 B (application/zip)"),
    ("link", "https://storage.example/result.png"), ("nothing", "The model gave nothing back")])
def test_every_kind_of_output(playground, mode, shown):
    playground.field("Mode").select_option(mode)
    playground.run(Text="hello", Steps=1)
    expect(playground.stage.get_by_text(shown).first).to_be_visible()


def test_a_failed_prediction_says_why(playground):
    playground.field("Mode").select_option("fail")
    playground.run(Text="x", Steps=2)
    alert = playground.stage.get_by_role("alert")
    expect(alert).to_contain_text("The prediction failed")
    expect(alert).to_contain_text("ValueError: the paint is dry")
    expect(playground.stage.get_by_label("Logs")).to_contain_text("Using seed: 7")


def test_health_is_shown_as_it_changes(ui, open_page, stub):
    stub.health = "STARTING"
    playground = open_page(f"{ui.url}/ui")
    expect(playground.health()).to_have_text("Starting")
    expect(playground.page.get_by_text("The model is being loaded")).to_be_visible()
    expect(playground.button("Generate")).to_be_hidden()
    stub.health = "READY"
    playground.ready()
    expect(playground.health()).to_have_text("Ready")
    expect(playground.page.get_by_text("The model is being loaded")).to_be_hidden()
    expect(playground.page.locator("#target")).to_have_text(stub.url + "/")


def test_a_failed_set_up_shows_its_logs(ui, open_page, stub):
    stub.health, stub.setup_logs = "SETUP_FAILED", "no such file: model.safetensors\n"
    playground = open_page(f"{ui.url}/ui")
    playground.expected.append("503")
    expect(playground.health()).to_have_text("Set-up failed")
    expect(playground.page.get_by_label("Set-up logs")).to_contain_text("no such file")


def test_a_target_that_is_away_is_said_and_waited_for(open_page):
    port = free_port()
    ui = UiServer(f"http://127.0.0.1:{port}")
    try:
        answer = Client(ui.port).get("/api/health-check")
        assert answer.status == 502
        assert f"http://127.0.0.1:{port} cannot be reached" in answer.json["error"]
        playground = open_page(f"{ui.url}/ui")
        playground.expected += ["502", "ERR_CONNECTION_REFUSED"]  # the latter at the very end
        expect(playground.page.locator("#setup")).to_contain_text("The server does not answer")
    finally:
        assert ui.stop() == 0


def test_events_are_passed_on_as_they_come(ui, stub):
    stub.step_s = 0.25
    connection = http.client.HTTPConnection("127.0.0.1", ui.port, timeout=10)
    begun = time.monotonic()
    connection.request("POST", "/api/predictions",
                       json.dumps({"id": "a", "input": {"text": "x", "steps": 4}}),
                       {"Content-Type": "application/json", "Accept": "text/event-stream"})
    answer = connection.getresponse()
    assert answer.status == 200 and answer.getheader("content-type") == "text/event-stream"
    assert answer.readline() == b"event: start\n"
    assert time.monotonic() - begun < 0.7, "the first event waited for the others"
    assert b"event: completed" in answer.read()
    connection.close()


def test_a_client_that_leaves_ends_the_targets_connection(ui, stub):
    stub.step_s = 0.1
    connection = http.client.HTTPConnection("127.0.0.1", ui.port, timeout=10)
    connection.request("POST", "/api/predictions",
                       json.dumps({"id": "gone", "input": {"text": "x", "steps": 1000}}),
                       {"Content-Type": "application/json", "Accept": "text/event-stream"})
    connection.getresponse().readline()
    assert "gone" in stub.canceled
    connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()
    # The stub's writes fail once the proxy has hung up: its thread ends before the 100 s are over.
    wait_until(lambda: not stub.writing, 10, "the end of the forwarded connection")


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"},
    {"Host": "evil.example:80"}])
def test_other_sites_cannot_use_the_proxy(ui, stub, headers):
    answer = Client(ui.port).request("POST", "/api/predictions", {"input": {"text": "x"}}, headers)
    assert answer.status == 403 and "refused" in answer.json["error"]
    assert stub.requests == []


def test_wrong_usage_is_said():
    for arguments, said in [(["--target", "ftp://x"], "--target: 'ftp://x' is not the address"),
                            (["--target", "nonsense url"], "is not the address"), ([], "--target")]:
        done = subprocess.run([BUILD / "bin/dream", "ui", *arguments], capture_output=True,
                              text=True, timeout=20)
        assert done.returncode == 2 and said in done.stderr, done.stderr
