"""`dream predict -i lora=…`: files, names in the model store, strengths, and what is refused."""
import sys

import pytest
from conftest import ROOT

FOX = ["-i", "prompt=a fox", "-i", "seed=7", "-i", "num_inference_steps=2"]


@pytest.fixture
def lora(tmp_path):
    sys.path.insert(0, str(ROOT / "tests/http"))
    from emoji_lora import lora_bytes
    for path in ("style.safetensors", "models/loras/kept.safetensors"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(lora_bytes())
    return tmp_path / "style.safetensors"


def picture(dream, tmp_path, *inputs):
    done = dream("predict", "vanilla", *FOX, *inputs, "--models", "models", "-o", "out")
    assert done.returncode == 0, done.stderr
    from PIL import Image
    return Image.open(tmp_path / "out/seed-7.png").tobytes()


def test_files_and_names(dream, lora, tmp_path):
    plain = picture(dream, tmp_path)
    laid_over = picture(dream, tmp_path, "-i", "lora=@style.safetensors@0.8")
    assert laid_over != plain
    for reference in (f"{lora}@0.8", "kept@0.8", '["style.safetensors@0.8"]'):
        assert picture(dream, tmp_path, "-i", f"lora={reference}") == laid_over, reference
    for syntax in ("a1111", "compel"):
        assert picture(dream, tmp_path, "-i", f"prompt_syntax={syntax}",
                       "-i", "prompt=a fox<lora:kept:0.8>") == laid_over, syntax
    twice = picture(dream, tmp_path, "-i", "lora=@style.safetensors@0.3", "-i", "lora=kept@0.4")
    assert twice not in (plain, laid_over)


def test_what_is_not_there_is_named(dream, lora):
    done = dream("predict", "vanilla", *FOX, "-i", "lora=@none.safetensors", "--models", "models")
    assert done.returncode == 2
    assert "input lora/0: the model store has no 'none.safetensors'; there are: kept" in done.stderr


@pytest.mark.parametrize("tag, words", [
    ("<lora:none:0.8>", ["'none'", "there are: kept"]),
    ("<lora:kept:0.8:0.5>", ["<lora:kept:0.8:0.5>", "one number"]),
    ("<lora:kept:strong>", ["'strong'", "one number"])])
def test_tags_that_cannot_be_used_are_named(dream, lora, tag, words):
    done = dream("predict", "vanilla", *FOX, "-i", f"prompt=a{tag}", "--models", "models")
    assert done.returncode == 2, done.stderr
    for word in words:
        assert word in done.stderr


def test_a_file_that_is_no_lora(dream, lora, tmp_path):
    unet = ROOT / "weights/emoji-sd/model/unet/diffusion_pytorch_model.safetensors"
    done = dream("predict", "vanilla", *FOX, "-i", f"lora=@{unet}")
    assert done.returncode == 2
    assert "is no LoRA: it holds a UNet2DConditionModel" in done.stderr
