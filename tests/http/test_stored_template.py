"""Templates that were built on a released SDK, as binaries: every later host must run them."""
import json
import os
import platform
import shutil
import subprocess

import pytest

from harness import BUILD, ROOT

STORED = sorted((ROOT / "tests/faults/stored").glob("echo-*.so"))


def test_there_is_one():
    assert STORED and all(path.stat().st_size < 100_000 for path in STORED)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the binaries are for x86-64")
@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_runs(path, tmp_path):
    shutil.copy(path, tmp_path / "echo.so")
    done = subprocess.run(
        [BUILD / "bin/dream", "predict", "echo", "-i", "text=hi", "-i", "count=5",
         "-i", "numbers=[1,2]", "-i", "secret=hush"],
        env={**os.environ, "DREAM_TEMPLATE_PATH": str(tmp_path)}, cwd=tmp_path,
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    output = json.loads(done.stdout)
    assert output["text"] == "hi" and output["count"] == 5 and output["numbers"] == [1, 2]
    assert output["note"] is None and output["secret"] == "***"
