"""The `dream` program beside real registries, with skopeo and umoci as judges."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "http"))

import images
from fault_proxy import FaultProxy
from registries import Certificate, Registry, clean_environment
from report import add_to_report

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("DREAM_BUILD_DIR", ROOT / "build/dev"))
DREAM = BUILD / "bin/dream"


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="session")
def registry(shared):
    """One without TLS and logins. Tests keep to repositories of their own."""
    server = Registry(shared / "registry")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def certificate(shared):
    return Certificate.make(shared)


@pytest.fixture(scope="session")
def base(shared):
    """A template's layout, tag `base`. Not to be written to."""
    return images.make_base(shared)


@pytest.fixture
def proxy(registry):
    server = FaultProxy(registry.port)
    yield server
    server.stop()


@pytest.fixture
def weights(tmp_path):
    return images.write_folder(tmp_path / "weights")


@pytest.fixture
def environment(tmp_path):
    return clean_environment(tmp_path)


@pytest.fixture
def dream(environment, tmp_path):
    """dream("build", …) → CompletedProcess with text output, run in tmp_path."""
    def run(*arguments, **options):
        return subprocess.run([DREAM, *map(str, arguments)], text=True, capture_output=True,
                              cwd=tmp_path, timeout=options.pop("timeout", 120),
                              env=environment | options.pop("env", {}), **options)
    return run


@pytest.fixture
def build(dream, base, weights):
    """build(output, …) → the version id; with the template and the weights of the tests."""
    def run(output, *arguments, **options):
        done = dream("build", "--template", options.pop("template", f"{base}:base"), "--weights",
                     options.pop("weights", weights), "-o", output, *arguments, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
    return run


@pytest.fixture
def built(build, tmp_path):
    """A layout with an image to push, and its version id."""
    return tmp_path / "image", build(f"{tmp_path}/image:mine")


@pytest.fixture
def repository(request):
    """A name of this test's own."""
    return "tests/" + "".join(c if c.isalnum() else "-" for c in request.node.name.lower()).strip(
        "-").replace("--", "-")[:100].strip("-")


def pytest_runtest_logreport(report):
    """What `tools/test platform` counts."""
    counts = "PYTEST_XDIST_WORKER" not in os.environ  # those of workers come here once more
    if counts and report.when == "call" and report.passed:
        add_to_report("registry", report.nodeid)
