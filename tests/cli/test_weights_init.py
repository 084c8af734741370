"""`dream weights init`: the published formula, folders that diffusers loads whole, rounding."""
import json
import math
import subprocess

import numpy as np
import pytest
import torch
from conftest import DREAM
from safetensors.torch import load_file

MASK = (1 << 64) - 1


def init(out, *arguments):
    return subprocess.run([DREAM, "weights", "init", *arguments, out], capture_output=True,
                          text=True, timeout=120)


def splitmix64(x):
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def formula(seed, name, shape):
    """What the header of init_model.hpp states, computed apart from it."""
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = ((key ^ byte) * 0x100000001B3) & MASK
    start = splitmix64(np.array([seed ^ key], dtype=np.uint64))
    with np.errstate(over="ignore"):
        drawn = splitmix64(start + np.arange(math.prod(shape), dtype=np.uint64)) >> np.uint64(40)
    scale = 0.035 if "_embedding.weight" in name and len(shape) == 2 else math.sqrt(
        3 / math.prod(shape[1:]))
    unit = (drawn.astype(np.int64) - 2**23).astype(np.float32) * np.float32(2.0**-23)
    return (np.float32(scale) * unit).reshape(shape)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("init")
    for name in ("sd15-tiny", "sd15-inpaint-tiny", "sd21-tiny", "controlnet-tiny",
                 "controlnet-emoji", "t2i-adapter-tiny", "t2i-adapter-color-tiny",
                 "t2i-adapter-emoji"):
        assert init(root / name, "--arch", name, "--seed", "5").returncode == 0
    return root


def test_values_follow_the_stated_formula(folders):
    for file in ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model",
                 "text_encoder/model"):
        for name, tensor in load_file(folders / "sd15-tiny" / f"{file}.safetensors").items():
            if tensor.dim() < 2:
                assert (tensor == (1 if name.endswith(".weight") else 0)).all(), name
            else:
                assert np.array_equal(tensor.numpy(), formula(5, name, list(tensor.shape))), name


def test_diffusers_and_transformers_find_every_tensor_and_no_other(folders):
    from diffusers import AutoencoderKL, ControlNetModel, T2IAdapter, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    parts = [("controlnet-tiny", ControlNetModel), ("controlnet-emoji", ControlNetModel),
             ("t2i-adapter-tiny", T2IAdapter), ("t2i-adapter-color-tiny", T2IAdapter),
             ("t2i-adapter-emoji", T2IAdapter)]
    for name in ("sd15-tiny", "sd15-inpaint-tiny", "sd21-tiny"):
        parts += [(f"{name}/unet", UNet2DConditionModel), (f"{name}/vae", AutoencoderKL),
                  (f"{name}/text_encoder", CLIPTextModel)]
        pad = "!" if name == "sd21-tiny" else "<|endoftext|>"
        assert CLIPTokenizer.from_pretrained(folders / name / "tokenizer").pad_token == pad
    for path, model in parts:
        _, report = model.from_pretrained(folders / path, output_loading_info=True)
        assert not any(report[key] for key in ("missing_keys", "unexpected_keys",
                                               "mismatched_keys")), (path, report)


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_half_precision_is_rounded_as_torch_rounds(folders, tmp_path, dtype):
    assert init(tmp_path / "half", "--arch", "sd15-tiny", "--seed", "5", "--dtype",
                dtype).returncode == 0
    file = "text_encoder/model.safetensors"
    half = load_file(tmp_path / "half" / file)
    kind = torch.float16 if dtype == "fp16" else torch.bfloat16
    for name, tensor in load_file(folders / "sd15-tiny" / file).items():
        assert half[name].dtype == kind and torch.equal(half[name], tensor.to(kind)), name


def test_nothing_is_overwritten_and_names_are_checked(folders, tmp_path):
    before = (folders / "sd15-tiny" / "model_index.json").read_text()
    again = init(folders / "sd15-tiny", "--arch", "sd15-tiny")
    assert again.returncode == 2 and "is there already" in again.stderr
    assert (folders / "sd15-tiny" / "model_index.json").read_text() == before
    assert json.loads(before)["_class_name"] == "StableDiffusionPipeline"
    assert "sd15-tiny" in init(tmp_path / "x", "--arch", "sd99").stderr
