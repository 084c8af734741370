"""The host's interfaces through real template libraries, of tier c and of tier torch."""
import struct
from pathlib import Path

import pytest
from worker_client import BUILD, ROOT, TEMPLATES, TEST_TEMPLATES, Worker, of_type

EMOJI_SD = ROOT / "weights/emoji-sd/model"
SHARPEN = BUILD / "lib/dream/example_templates/latent-sharpen.so"
SMALL = {"num_inference_steps": 3, "width": 128, "height": 128, "seed": 7}


def png_pixels(path):
    """Size and compressed pixels: equal for equal pictures, whatever else the files say."""
    data, at, pixels = Path(path).read_bytes(), 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind in (b"IHDR", b"IDAT"):
            pixels += data[at + 8:at + 8 + size]
        at += size + 12
    return pixels


def png_size(path):
    return struct.unpack(">II", png_pixels(path)[:8])


def draw(worker, template, out, **inputs):
    messages = worker.run(template, out, **inputs)
    assert messages[-1] == {"type": "done", "status": "succeeded"}, messages[-1]
    return messages, {m["name"]: m["path"] for m in of_type(messages, "output")}


def test_every_interface_in_one_template(tmp_path):
    with Worker() as worker:
        ready = worker.init(TEST_TEMPLATES / "all_parts.so", TEMPLATES / "vanilla.so",
                            weights=str(EMOJI_SD))
        assert ready["type"] == "ready", ready
        [photo] = draw(worker, "vanilla", tmp_path / "v", prompt="a cat", **SMALL)[1].values()
        # The loop by hand draws 64 x 64, the size of its picture.
        messages, files = draw(worker, "all_parts", tmp_path / "a", picture=photo,
                               **SMALL | {"width": None, "height": None})
        assert list(files) == ["small.png", "edges.png", "again.png", "by-hand.png", "seed-7.png"]
        assert [png_size(path) for path in files.values()] == [(64, 64)] * 4 + [(128, 128)]
        assert [m["value"] for m in of_type(messages, "metric") if m["name"] == "last_step"] \
            == [1, 2, 3]
        [whole] = draw(worker, "vanilla", tmp_path / "w", prompt="a fox", **SMALL)[1].values()
        assert png_pixels(files["seed-7.png"]) == png_pixels(whole)


@pytest.fixture(scope="module")
def sharpen():
    with Worker() as worker:
        ready = worker.init(SHARPEN, TEMPLATES / "vanilla.so", weights=str(EMOJI_SD))
        assert ready["type"] == "ready", ready
        yield worker


def test_tier_torch_changes_latents_with_aten(sharpen, tmp_path):
    pictures = [
        next(iter(draw(sharpen, template, tmp_path / f"{i}", **inputs, **SMALL)[1].values()))
        for i, (template, inputs) in enumerate([
            ("vanilla", {}), ("latent-sharpen", {"amount": 0}), ("latent-sharpen", {"amount": 1})])]
    plain, unchanged, sharp = map(png_pixels, pictures)
    assert plain == unchanged
    assert plain != sharp


def test_tier_torch_loads_libtorch_before_the_template():
    """Also where nothing else needs the engine: there is one libtorch, the engine's."""
    with Worker() as worker:
        ready = worker.init(SHARPEN, setup=False)
        assert ready["templates"][0]["name"] == "latent-sharpen"
        maps = Path(f"/proc/{worker.process.pid}/maps").read_text()
        assert "libdream_engine" in maps
        libraries = {line.split()[-1] for line in maps.splitlines() if "libtorch_cpu" in line}
        assert len(libraries) == 1


def test_a_template_of_another_libtorch_is_refused():
    with Worker() as worker:
        failed = worker.init(TEST_TEMPLATES / "other_torch.so")
        assert failed["type"] == "setup_failed"
        assert "it was built with torch 1.0.0, this dream with torch 2." in failed["error"]
        assert "rebuild the template" in failed["error"]
        assert "libtorch" not in Path(f"/proc/{worker.process.pid}/maps").read_text()
