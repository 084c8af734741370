"""Code that is copied from the page runs and asks the very same of the server."""

import json
import os
import pathlib
import subprocess
import sys

import playwright
import pytest
from playwright.sync_api import expect

from stub_server import data_url, png

NODE = pathlib.Path(playwright.__file__).parent / "driver/node"
HOSTILE = "it's $HOME `id` \"quoted\" \\ and\nmore ünïcode $(id)"


@pytest.fixture
def code(ui, open_page):
    """The text of each language's tab, for a request with all that is hard to quote."""
    playground = open_page(f"{ui.url}/ui").ready()
    playground.field("Text").fill(HOSTILE)
    playground.choose_file("Picture", "my photo.png", png(1, 2, 3))
    playground.field("Token").fill("hush")
    playground.field("Sure").select_option("yes")
    playground.button("Add: Numbers").click()
    playground.page.keyboard.type("4")
    playground.button("Code").click()
    texts = {}
    for language in ("curl", "Python", "JavaScript"):
        playground.page.get_by_role("tab", name=language).click()
        texts[language] = playground.page.get_by_role("tabpanel").text_content()
    playground.page.keyboard.press("Escape")
    expect(playground.button("Code")).to_be_focused()
    return texts


@pytest.mark.parametrize("language", ["curl", "Python", "JavaScript"])
def test_copied_code_runs(code, stub, tmp_path, language):
    (tmp_path / "my photo.png").write_bytes(png(1, 2, 3))
    text = code[language]
    assert stub.url in text and "hush" not in text
    command = {"curl": ["bash", "-c", text], "Python": [sys.executable, "-c", text],
               "JavaScript": [NODE, "--input-type=module", "-e", text]}[language]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          env={**os.environ, "TOKEN": "hush"})
    assert done.returncode == 0, done.stderr
    assert stub.requests[-1]["input"] == {
        "text": HOSTILE, "picture": data_url(png(1, 2, 3)), "token": "hush", "sure": True,
        "numbers": [4]}
    if language == "curl":
        assert json.loads(done.stdout)["status"] == "succeeded"
    else:
        assert (tmp_path / "output-0.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "output-1.png").exists()
