"""Servers, clients and a webhook receiver for the HTTP tests.

DREAM_BUILD_DIR names the build tree under test; without it <repository>/build/dev.
"""

import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import BUILD, Receiver, Server  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def built():
    if not (BUILD / "bin" / "dream").exists():
        pytest.exit(f"{BUILD}/bin/dream is missing: build it first, or set DREAM_BUILD_DIR", 2)


@pytest.fixture
def serve():
    """serve("echo", …) starts a server that ends with the test."""
    servers = []

    def start(*templates, **options):
        servers.append(Server(*templates, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="module")
def echo():
    server = Server("echo", "sleeper", "counter")
    yield server
    server.kill()


@pytest.fixture
def receiver():
    with Receiver() as hook:
        yield hook


@pytest.fixture(autouse=True)
def no_orphans():
    """A test leaves no worker without its host behind."""
    yield
    lines = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True).stdout
    mine = [line for line in lines.splitlines()
            if str(BUILD / "bin" / "dream-worker") in line and line.split()[0] == "1"]
    assert not mine, f"workers without a host: {mine}"
