"""Chromium, servers with a playground, and pages that note what a browser complains about.

DREAM_BUILD_DIR names the build tree under test; without it <repository>/build/dev.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from playwright.sync_api import sync_playwright

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "http")]

from harness import BUILD, Server, free_port  # noqa: E402
from playground import Playground  # noqa: E402
from stub_server import StubServer  # noqa: E402

BUNDLED = BUILD / "share/dream/weights/emoji-sd"


@pytest.fixture(scope="session")
def browser():
    chromium = os.environ.get("DREAM_CHROMIUM") or shutil.which("chromium")
    assert chromium, "chromium is missing: tools/test installs it, or set DREAM_CHROMIUM"
    assert (BUILD / "bin/dream").exists(), f"{BUILD}/bin/dream is missing: build it first"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--use-fake-device-for-media-stream",
                  "--use-fake-ui-for-media-stream"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """open_page(url, **options of the context) → Playground; at the end of the test the browser
    must have had nothing to complain about."""
    opened = []

    def start(url, **options):
        playground = Playground(browser, url, **options)
        opened.append(playground)
        return playground

    yield start
    for playground in opened:
        complaints = playground.close()
        assert not complaints, complaints


@pytest.fixture(scope="session")
def vanilla():
    """The bundled model, and two templates beside it that need no weights."""
    server = Server("vanilla", "echo", "sleeper", weights=BUNDLED)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def small():
    """A server of `dream serve` without the engine."""
    server = Server("echo", "sleeper")
    yield server
    server.kill()


@pytest.fixture
def stub():
    with StubServer() as server:
        yield server


class UiServer:
    """A running `dream ui`."""

    def __init__(self, target, *arguments):
        self.port = free_port()
        self.process = subprocess.Popen(
            [BUILD / "bin/dream", "ui", "--target", target, "--port", str(self.port), *arguments],
            stderr=subprocess.PIPE, text=True)
        self.said = self.process.stderr.readline()
        assert re.search(rf"http://127\.0\.0\.1:{self.port}/ui", self.said), self.said
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self):
        self.process.terminate()
        code = self.process.wait(10)
        self.process.stderr.close()
        return code


@pytest.fixture
def ui(stub):
    server = UiServer(stub.url)
    yield server
    assert server.stop() == 0
