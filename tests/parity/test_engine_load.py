"""Models that do not fit: refused at load, with a message that names file, key or tensor."""
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny_models
from engine_client import run_engine


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_models.save(tiny_models.build("sd2"), tmp_path_factory.mktemp("models") / "sd2")


@pytest.fixture
def copy(model, tmp_path):
    return shutil.copytree(model, tmp_path / "copy")


def change_config(folder, component, **values):
    path = folder / component / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def change_tensors(folder, component, change):
    path = next((folder / component).glob("*.safetensors"))
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def load_error(folder):
    answer = run_engine(folder, []).answer
    assert "error" in answer, "the model was taken"
    return answer["error"]


def assert_names(message, *words):
    for word in words:
        assert word in message, f"{word!r} is not in {message!r}"


UNET_TENSOR = "down_blocks.0.resnets.0.conv1.weight"


def test_missing_tensor(copy):
    change_tensors(copy, "unet", lambda tensors: tensors.pop(UNET_TENSOR))
    assert_names(load_error(copy), "unet", UNET_TENSOR, "missing", "[32, 32, 3, 3]")


def test_wrong_shape(copy):
    def change(tensors):
        tensors[UNET_TENSOR] = torch.zeros(32, 16, 3, 3)
    change_tensors(copy, "unet", change)
    assert_names(load_error(copy), "unet", UNET_TENSOR, "[32, 16, 3, 3]", "[32, 32, 3, 3]")


def test_unused_tensors_are_reported(copy):
    def change(tensors):
        tensors["decoder.extra.weight"] = torch.zeros(1)
    change_tensors(copy, "vae", change)

    def add_position_ids(tensors):
        tensors["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    change_tensors(copy, "text_encoder", add_position_ids)
    warnings = run_engine(copy, []).answer["warnings"]
    assert len(warnings) == 1
    assert_names(warnings[0], "vae", "decoder.extra.weight")


@pytest.mark.parametrize("component", ["unet", "vae", "text_encoder"])
def test_unknown_config_key(copy, component):
    change_config(copy, component, new_thing=False)
    warnings = run_engine(copy, []).answer["warnings"]
    assert len(warnings) == 1
    assert_names(warnings[0], f"{component}/config.json", "new_thing")
    change_config(copy, component, new_thing=3)
    assert_names(load_error(copy), f"{component}/config.json", "new_thing", "3")


@pytest.mark.parametrize("component, key, value", [
    ("unet", "class_embed_type", "timestep"),
    ("unet", "num_class_embeds", 10),
    ("unet", "addition_embed_type", "text"),
    ("unet", "dual_cross_attention", True),
    ("unet", "time_embedding_type", "fourier"),
    ("unet", "attention_type", "gated"),
    ("unet", "act_fn", "snake"),
    ("unet", "down_block_types", ["AttnDownBlock2D", "DownBlock2D"]),
    ("unet", "down_block_types", ["DownBlock2D"]),
    ("unet", "mid_block_type", "UNetMidBlock2DSimpleCrossAttn"),
    ("unet", "layers_per_block", [1, 2, 3]),
    ("unet", "block_out_channels", []),
    ("unet", "block_out_channels", ["wide"]),
    ("unet", "norm_num_groups", "many"),
    ("unet", "in_channels", 9),
    ("unet", "resnet_time_scale_shift", "spatial"),
    ("vae", "up_block_types", ["AttnUpDecoderBlock2D", "UpDecoderBlock2D"]),
    ("vae", "latents_mean", [0.0]),
    ("text_encoder", "hidden_act", "tanhshrink"),
    ("text_encoder", "num_attention_heads", 7),
    ("text_encoder", "use_attention_mask", True),
])
def test_values_that_are_not_supported(copy, component, key, value):
    change_config(copy, component, **{key: value})
    message = load_error(copy)
    if key == "in_channels":  # the first layer's weight tells
        assert_names(message, "unet", "conv_in.weight", "[32, 4, 3, 3]", "[32, 9, 3, 3]")
    else:
        assert_names(message, f"{component}/config.json", key)


@pytest.mark.parametrize("change", [
    {"norm_num_groups": 5}, {"attention_head_dim": 7}, {"attention_head_dim": 0},
    {"norm_num_groups": 0}, {"layers_per_block": 1000000}, {"cross_attention_dim": 7}])
def test_numbers_that_do_not_fit_are_an_error(copy, change):
    change_config(copy, "unet", **change)
    load_error(copy)


def test_files_that_are_not_there(copy, tmp_path):
    assert_names(load_error(tmp_path / "nowhere"), "nowhere")
    (copy / "unet" / "config.json").unlink()
    assert_names(load_error(copy), "unet", "config.json")


