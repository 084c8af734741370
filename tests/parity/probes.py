"""What parity tests share: where the built programs are, and the measure of agreement."""
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("DREAM_BUILD_DIR", ROOT / "build" / "dev"))


def program(name):
    """Path of a built program; a test that cannot find it fails, it does not skip."""
    path = BUILD / "bin" / name
    assert path.exists(), f"{path} is not built (set DREAM_BUILD_DIR to the build folder)"
    return str(path)


def relative_error(ours, reference):
    """max|a-b| / max|b| of two tensors of equal shape; NaN on one side alone is infinite."""
    if (ours.isnan() != reference.isnan()).any():
        return float("inf")
    difference = (ours - reference).nan_to_num().abs().max()
    return (difference / reference.nan_to_num().abs().max().clamp_min(1e-30)).item()
