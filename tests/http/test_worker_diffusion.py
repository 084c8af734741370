"""vanilla in dream-worker with emoji-sd: from a predict message to picture files."""
import json
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emoji_lora import lora_bytes
from worker_client import BUILD, ROOT, TEMPLATES, TEST_TEMPLATES, Worker, of_type

VANILLA = TEMPLATES / "vanilla.so"
EMOJI_SD = ROOT / "weights/emoji-sd/model"
STEPS = 3


@pytest.fixture(scope="module")
def loaded():
    with Worker() as worker:
        ready = worker.init(VANILLA, weights=str(EMOJI_SD))
        assert ready["type"] == "ready", ready
        yield worker, ready["templates"][0]


@pytest.fixture
def worker(loaded):
    return loaded[0]


def draw(worker, out, **inputs):
    messages = worker.run("vanilla", out, **({"num_inference_steps": STEPS} | inputs))
    assert messages[-1] == {"type": "done", "status": "succeeded"}, messages[-1]
    return messages


def png_texts(data):
    texts, at = {}, 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0]
        if kind == b"tEXt":
            key, text = body.split(b"\0", 1)
            texts[key.decode()] = text.decode()
        if kind == b"iTXt":
            key, text = body.split(b"\0", 1)
            texts[key.decode()] = text[4:].decode()
        at += size + 12
    return texts


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


def mapped(worker):
    return Path(f"/proc/{worker.process.pid}/maps").read_text()


def test_the_schema_says_what_this_build_can_do(loaded):
    schema = loaded[1]
    assert schema["name"] == "vanilla" and schema["output"] == {"type": "file", "kind": "iterator"}
    inputs = {entry["name"]: entry for entry in schema["inputs"]}
    assert list(inputs) == [
        "image", "mask", "prompt", "negative_prompt", "width", "height", "num_outputs",
        "num_inference_steps", "guidance_scale", "prompt_strength", "scheduler",
        "disable_safety_check", "seed", "lora", "embeddings", "guess_mode",
        "control_is_preprocessed", "resize_mode", "extra_controls", "prompt_syntax", "clip_skip",
        "karras", "paste_original", "output_format", "output_quality", "guidance_rescale", "eta"]
    assert inputs["prompt"]["default"] == "a fox"  # args.json of the weights
    assert inputs["scheduler"]["choices"] == [
        "DDIM", "DPMSolverMultistep", "HeunDiscrete", "K_EULER_ANCESTRAL", "K_EULER", "KLMS",
        "PNDM", "UniPCMultistep", "LCM"]


def test_a_picture_with_progress_metrics_and_its_settings(worker, tmp_path):
    messages = draw(worker, tmp_path, prompt="ein Fuchs, schön", seed=7)
    [output] = of_type(messages, "output")
    assert output["name"] == "seed-7.png" and output["media_type"] == "image/png"
    texts = png_texts(Path(output["path"]).read_bytes())
    assert texts["parameters"].startswith(
        f"ein Fuchs, schön\nSteps: {STEPS}, Sampler: DPM++ 2M, CFG scale: 7.5, Seed: 7, "
        "Size: 128x128")
    settings = json.loads(texts["dream"])
    assert settings["prompt"] == "ein Fuchs, schön" and settings["seed"] == 7
    assert [(m["step"], m["steps"]) for m in of_type(messages, "progress")][-1] == (STEPS, STEPS)
    metrics = {m["name"]: m["value"] for m in of_type(messages, "metric")}
    assert metrics["image_count"] == 1 and metrics["steps"] == STEPS
    assert metrics["it_per_s"] == pytest.approx(STEPS / metrics["model_time_s"])
    assert [path.name for path in tmp_path.iterdir()] == ["seed-7.png"]  # nothing else is left


def test_a_picture_is_the_same_alone_and_among_others(worker, tmp_path):
    alone = of_type(draw(worker, tmp_path / "a", prompt="a cat", seed=42), "output")
    messages = draw(worker, tmp_path / "b", prompt="a cat", seed=40, num_outputs=4)
    four = of_type(messages, "output")
    assert [m["name"] for m in four] == [f"seed-{n}.png" for n in (40, 41, 42, 43)]
    again = of_type(draw(worker, tmp_path / "c", prompt="a cat", seed=42), "output")
    assert Path(alone[0]["path"]).read_bytes() == Path(again[0]["path"]).read_bytes()
    difference = np.abs(pixels(alone[0]["path"]) - pixels(four[2]["path"]))
    assert (difference <= 1).mean() >= 0.999
    assert len({Path(m["path"]).read_bytes() for m in four}) == 4
    labels = [m["label"] for m in of_type(messages, "progress")]
    assert set(labels) == {"pictures 1-4/4"}
    steps = [(m["step"], m["steps"]) for m in of_type(messages, "progress")]
    assert steps[-1] == (4 * STEPS, 4 * STEPS) and steps == sorted(steps)


def test_a_picture_tells_its_loras_and_the_syntax_of_its_prompt(worker, tmp_path):
    file = tmp_path / "ink.safetensors"
    file.write_bytes(lora_bytes())
    for prompt, syntax, line in (
            ("a fox", "compel", "a fox <lora:ink:0.5>\n"),
            ("a fox <lora:ink:0.25>", "a1111", "a fox <lora:ink:0.25>\n")):
        [output] = of_type(draw(worker, tmp_path / syntax, prompt=prompt, prompt_syntax=syntax,
                                seed=7, lora=[f"{file}@0.5"]), "output")
        texts = png_texts(Path(output["path"]).read_bytes())
        assert texts["parameters"].startswith(line)
        assert f", Prompt syntax: {syntax}, Version" in texts["parameters"]
        settings = json.loads(texts["dream"])
        assert settings["prompt_syntax"] == syntax
        assert settings["lora"] == ["ink@0.5" if syntax == "compel" else "ink@0.25"]


@pytest.mark.parametrize("name, media_type, start", [
    ("jpg", "image/jpeg", b"\xff\xd8\xff"), ("webp", "image/webp", b"RIFF")])
def test_other_formats(worker, tmp_path, name, media_type, start):
    [output] = of_type(draw(worker, tmp_path, prompt="ein Fuchs 🦊", seed=1, output_format=name),
                       "output")
    assert output["name"] == f"seed-1.{name}" and output["media_type"] == media_type
    assert Path(output["path"]).read_bytes().startswith(start)
    comment = Image.open(output["path"]).getexif().get_ifd(0x8769)[0x9286]
    assert comment.startswith(b"UNICODE\0")
    assert comment[8:].decode("utf-16-be").startswith(
        f"ein Fuchs 🦊\nSteps: {STEPS}, Sampler: DPM++ 2M, CFG scale: 7.5, Seed: 1, Size: 128x128")


def test_an_absent_seed_is_drawn_and_logged(worker, tmp_path):
    messages = draw(worker, tmp_path, prompt="a cat")
    [log] = of_type(messages, "log")
    seed = int(log["message"].removeprefix("Using seed: "))
    assert 0 <= seed <= 0xFFFF
    assert of_type(messages, "output")[0]["name"] == f"seed-{seed}.png"


def test_an_image_decides_the_size_and_a_mask_keeps_its_pixels(worker, tmp_path):
    """A picture on its side and of sides that are no multiples of 8, a mask of another size."""
    upright = Image.fromarray(np.random.default_rng(1).integers(0, 255, (100, 150, 3), np.uint8))
    stored = upright.transpose(Image.Transpose.ROTATE_90)  # orientation 6 turns it back
    turned = Image.Exif()
    turned[0x0112] = 6
    stored.save(tmp_path / "photo.png", exif=turned)
    mask = Image.new("L", (30, 20))
    mask.paste(255, (0, 0, 15, 20))
    mask.save(tmp_path / "mask.png")
    files = {"image": str(tmp_path / "photo.png"), "mask": str(tmp_path / "mask.png")}
    messages = draw(worker, tmp_path / "out", seed=1, resize_mode="stretch", **files)
    [output] = of_type(messages, "output")
    drawn = pixels(output["path"])
    assert drawn.shape == (96, 144, 3)
    expected = np.asarray(upright.resize((144, 96), Image.Resampling.LANCZOS)).astype(int)
    assert (drawn[:, 90:] == expected[:, 90:]).all()
    assert not (drawn[:, :54] == expected[:, :54]).all()
    texts = png_texts(Path(output["path"]).read_bytes())
    assert "Denoising strength: 0.8" in texts["parameters"]
    assert len(of_type(messages, "progress")) == 2, "0.8 of 3 steps"


def test_what_a_mask_leaves_clear_is_kept(worker, tmp_path):
    """White painted on a transparent canvas, whatever colour hides in what is clear."""
    Image.fromarray(np.random.default_rng(2).integers(0, 255, (64, 64, 3), np.uint8)).save(
        tmp_path / "photo.png")
    grey = Image.new("L", (64, 64))
    grey.paste(255, (8, 8, 40, 40))
    masks = {"grey": grey}
    for name, hidden in (("black", (0, 0, 0)), ("white", (255, 255, 255))):
        masks[name] = Image.new("RGBA", (64, 64), (*hidden, 0))
        masks[name].paste((255, 255, 255, 255), (8, 8, 40, 40))
    drawn = []
    for name, mask in masks.items():
        mask.save(tmp_path / f"{name}.png")
        files = {"image": str(tmp_path / "photo.png"), "mask": str(tmp_path / f"{name}.png")}
        [output] = of_type(draw(worker, tmp_path / name, seed=1, **files), "output")
        drawn.append(pixels(output["path"]))
    assert (drawn[0] == drawn[1]).all() and (drawn[0] == drawn[2]).all()
    assert (drawn[0][40:] == pixels(tmp_path / "photo.png")[40:]).all()


@pytest.mark.parametrize("inputs, words", [
    ({"image": "photo.png", "prompt_strength": 0.1}, ["prompt_strength", "0.1", "3 steps"]),
    ({"mask": "photo.png"}, ["mask", "image"]),
    ({"image": "text.txt"}, ["image", "text.txt"]),
    ({"image": "photo.png", "mask": "gone.png"}, ["mask", "gone.png"]),
    ({"image": "line.png", "width": 128, "height": 1024}, ["image", "2000 x 1", "resize_mode"]),
])
def test_wrong_pictures_are_refused_by_name(worker, tmp_path, inputs, words):
    Image.new("RGB", (40, 40)).save(tmp_path / "photo.png")
    Image.new("RGB", (2000, 1)).save(tmp_path / "line.png")
    (tmp_path / "text.txt").write_text("no picture")
    paths = {name: str(tmp_path / value) if name in ("image", "mask") else value
             for name, value in inputs.items()}
    done = worker.run("vanilla", tmp_path / "out", num_inference_steps=STEPS, **paths)[-1]
    assert done["status"] == "failed" and done["bad_input"]
    for word in words:
        assert word in done["error"]


def test_too_many_pixels_are_refused_by_name(worker, tmp_path):
    done = worker.run("vanilla", tmp_path, width=1024, height=1024)[-1]
    assert done["status"] == "failed" and done["bad_input"]
    assert "width 1024 x height 1024" in done["error"] and "786432" in done["error"]


def test_cancel_stops_at_the_next_step(worker, tmp_path):
    worker.predict("vanilla", tmp_path, id="long", num_inference_steps=500)
    worker.slots[0].until("progress")
    begin = time.monotonic()
    worker.control.send({"type": "cancel", "slot": 0, "id": "long"})
    assert worker.slots[0].until("done")[-1] == {"type": "done", "status": "canceled"}
    assert time.monotonic() - begin < 3
    draw(worker, tmp_path, seed=3)


def test_engine_info(worker):
    worker.control.send({"type": "engine_info"})
    info = worker.control.until("engine_info")[-1]
    assert info["device"] == "cpu" and info["dtype"] == "fp32" and info["torch"].startswith("2.")


def test_a_template_without_weights(tmp_path):
    with Worker() as worker:
        assert worker.init(VANILLA, weights="none")["type"] == "ready"
        done = worker.run("vanilla", tmp_path, prompt="x")[-1]
        assert done == {"type": "done", "status": "failed",
                        "error": "This is a template, not a real model - add weights"}
        assert "libdream_engine" not in mapped(worker)


def test_describing_needs_no_engine(tmp_path):
    with Worker() as worker:
        ready = worker.init(VANILLA, weights=str(EMOJI_SD), setup=False)
        inputs = {entry["name"]: entry for entry in ready["templates"][0]["inputs"]}
        assert inputs["prompt"]["default"] == "a fox"
        assert "libdream_engine" not in mapped(worker)


def test_a_template_that_needs_no_engine_starts_without_it(tmp_path):
    with Worker() as worker:
        assert worker.init(TEST_TEMPLATES / "echo.so", weights=str(EMOJI_SD))["type"] == "ready"
        assert "libdream_engine" not in mapped(worker)


def test_weights_that_are_none_fail_the_set_up_by_name(tmp_path):
    with Worker() as worker:
        failed = worker.init(VANILLA, weights=str(tmp_path))
        assert failed["type"] == "setup_failed" and failed["template"] == "vanilla"
        assert "model_index.json" in failed["error"] and str(tmp_path) in failed["error"]


def test_the_engine_lies_where_the_worker_looks():
    assert (BUILD / "lib/dream/libdream_engine.so").exists()
