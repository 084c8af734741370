"""Runs the `dream` program as a person would type it."""
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("DREAM_BUILD_DIR", ROOT / "build/dev"))
DREAM = BUILD / "bin/dream"
TEST_TEMPLATES = BUILD / "lib/dream/test_templates"


@pytest.fixture
def environment(tmp_path):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DREAM_", "COG_"))}
    return kept | {"DREAM_TEMPLATE_PATH": str(TEST_TEMPLATES), "HOME": str(tmp_path)}


@pytest.fixture
def dream(environment, tmp_path):
    """dream("predict", "vanilla", …) → CompletedProcess with text output, run in tmp_path."""
    def run(*arguments, **options):
        return subprocess.run([DREAM, *map(str, arguments)], text=True, capture_output=True,
                              cwd=options.pop("cwd", tmp_path), timeout=120,
                              env=environment | options.pop("env", {}), **options)
    return run
