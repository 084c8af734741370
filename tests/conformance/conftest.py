"""The harness of tests/http serves these tests too."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "http"))
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import BUILD  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def built():
    if not (BUILD / "bin" / "dream").exists():
        pytest.exit(f"{BUILD}/bin/dream is missing: build it first, or set DREAM_BUILD_DIR", 2)
