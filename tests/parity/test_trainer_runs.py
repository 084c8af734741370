"""Whole trainings: what they leave, checkpoints, ends by kill and by cancel. Cases of diffusers'
examples/dreambooth/test_dreambooth.py and test_dreambooth_lora.py are among them."""
import random
from pathlib import Path

import pytest
import tiny_models
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file
from trainer_client import PROMPTS, draw_pictures, run_probe

CANCELED = {"canceled": True}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    return tiny_models.save(tiny_models.build("sd2"), folder)


class Training:
    """One request in a folder of its own; run() may be called again with changes."""

    def __init__(self, base, folder, **options):
        self.folder, self.output = folder, folder / "out"
        self.checkpoints = folder / "checkpoints"
        self.output.mkdir()
        self.request = PROMPTS | {
            "base": str(base), "resolution": 32, "learning_rate": 5e-4, "max_train_steps": 2,
            "instance_pictures": draw_pictures(folder, 3), "num_class_images": 2,
            "class_pictures": draw_pictures(folder, 2, "class"), "weights_format": "safetensors",
            "output": str(self.output), "checkpoints": str(self.checkpoints)} | options

    def run(self, check=True, **changes):
        # "stop_after" and "kill_after" are the probe's.
        own = {key: changes.pop(key) for key in ("stop_after", "kill_after") if key in changes}
        return run_probe({"op": "train", "request": self.request | changes,
                          "pictures": str(self.folder)} | own, check)

    def kept(self):
        return {path.name for path in self.checkpoints.iterdir()}

    def weights(self):
        lora = self.output / "pytorch_lora_weights.safetensors"
        if lora.exists():
            return load_file(lora)
        return {f"{path.parent.name}.{name}": tensor
                for path in sorted(self.output.glob("*/*.safetensors"))
                for name, tensor in load_file(path).items()}


def assert_draws(folder, **parts):
    pipe = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32,
                                                   safety_checker=None, **parts)
    assert pipe("a sks fox", num_inference_steps=1, width=32, height=32).images


def test_dreambooth(base, tmp_path):
    training = Training(base, tmp_path)
    reply = training.run()
    assert reply["steps"] == 2 and len(reply["losses"]) == 2
    assert (training.output / "unet/diffusion_pytorch_model.safetensors").is_file()
    assert (training.output / "scheduler/scheduler_config.json").is_file()
    assert_draws(training.output)


def test_checkpointing(base, tmp_path):
    training = Training(base, tmp_path, max_train_steps=4, checkpointing_steps=2,
                        checkpoints_total_limit=0)
    training.run()
    assert training.kept() == {"checkpoint-2", "checkpoint-4"}
    state = load_file(training.checkpoints / "checkpoint-2/state.safetensors")
    unet = UNet2DConditionModel.from_pretrained(base, subfolder="unet")
    unet.load_state_dict({name.removeprefix("unet."): tensor.view_as(unet.state_dict()[
        name.removeprefix("unet.")]) for name, tensor in state.items()
        if name.startswith("unet.") and name.removeprefix("unet.") in unet.state_dict()})
    assert_draws(base, unet=unet)
    # Without the first, on from the second to more steps than were asked for at first.
    for file in (training.checkpoints / "checkpoint-2").iterdir():
        file.unlink()
    (training.checkpoints / "checkpoint-2").rmdir()
    reply = training.run(max_train_steps=6)
    assert reply["resumed_from"] == 4 and reply["steps"] == 6 and len(reply["losses"]) == 6
    assert training.kept() == {"checkpoint-4", "checkpoint-6"}


@pytest.mark.parametrize("lora", [{}, {"lora": {"rank": 2}}], ids=["all", "lora"])
def test_checkpoints_total_limit(base, lora, tmp_path):
    training = Training(base, tmp_path, max_train_steps=6, checkpointing_steps=2,
                        checkpoints_total_limit=2, **lora)
    training.run()
    assert training.kept() == {"checkpoint-4", "checkpoint-6"}


@pytest.mark.parametrize("lora", [{}, {"lora": {"rank": 2}}], ids=["all", "lora"])
def test_checkpoints_total_limit_removes_several(base, lora, tmp_path):
    training = Training(base, tmp_path, max_train_steps=4, checkpointing_steps=2,
                        checkpoints_total_limit=0, **lora)
    training.run()
    assert training.kept() == {"checkpoint-2", "checkpoint-4"}
    training.run(max_train_steps=8, checkpoints_total_limit=2)
    assert training.kept() == {"checkpoint-6", "checkpoint-8"}


@pytest.mark.parametrize("with_text", [False, True], ids=["unet", "text"])
def test_lora_keys(base, with_text, tmp_path):
    training = Training(base, tmp_path, train_text_encoder=with_text, lora={"rank": 2})
    training.run()
    keys = load_file(training.output / "pytorch_lora_weights.safetensors").keys()
    assert all("lora" in key for key in keys)
    assert {key.split(".")[0] for key in keys} == ({"unet", "text_encoder"} if with_text
                                                   else {"unet"})
    pipe = StableDiffusionPipeline.from_pretrained(base, safety_checker=None)
    pipe.load_lora_weights(training.output, weight_name="pytorch_lora_weights.safetensors")
    assert pipe("a sks fox", num_inference_steps=1, width=32, height=32).images


ALL_OPTIONS = {
    "all": {"use_ema": True, "hflip": True, "offset_noise": 0.1, "gradient_accumulation_steps": 2},
    "8-bit": {"use_8bit_adam": True, "train_batch_size": 2},
    "lora": {"lora": {"rank": 2, "dropout": 0.2, "dora": True}, "gradient_checkpointing": True},
}


@pytest.mark.parametrize("options", ALL_OPTIONS.values(), ids=ALL_OPTIONS)
def test_killed_trainings_end_as_others(base, options, tmp_path):
    """Killed at any step and begun again, a training ends with the same bits."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    steps = 7
    whole = Training(base, tmp_path / "whole", max_train_steps=steps, checkpointing_steps=2,
                     **options)
    losses = whole.run()["losses"]
    killed = Training(base, tmp_path / "killed", max_train_steps=steps, checkpointing_steps=2,
                      **options)
    for step in sorted(random.Random(str(options)).sample(range(1, steps), 2)):
        assert killed.run(kill_after=step) is None
    reply = killed.run()
    assert reply["resumed_from"] > 0 and reply["losses"] == losses
    ours, expected = killed.weights(), whole.weights()
    assert ours.keys() == expected.keys()
    assert all(torch.equal(ours[name], expected[name]) for name in expected)


def test_cancel_keeps_a_checkpoint(base, tmp_path):
    training = Training(base, tmp_path, max_train_steps=5)
    assert training.run(stop_after=3) == CANCELED
    assert training.kept() == {"checkpoint-3"}
    assert not any(training.output.iterdir())
    assert training.run()["resumed_from"] == 3


def test_other_requests_do_not_resume(base, tmp_path):
    training = Training(base, tmp_path, max_train_steps=4, checkpointing_steps=2)
    assert training.run(stop_after=3) == CANCELED
    assert training.run(learning_rate=1e-4)["resumed_from"] == 0


def test_damaged_checkpoints_are_passed_over(base, tmp_path):
    training = Training(base, tmp_path, max_train_steps=5, checkpointing_steps=2,
                        checkpoints_total_limit=0)
    training.run()
    state = training.checkpoints / "checkpoint-4/state.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    assert training.run()["resumed_from"] == 2


def test_missing_class_pictures_are_drawn(base, tmp_path):
    training = Training(base, tmp_path, num_class_images=4, sample_batch_size=1)
    reply = training.run()
    assert reply["phases"] == [0, 1, 2, 4]
    drawn = sorted(path.name for path in Path(tmp_path).glob("class-?.ppm"))
    assert {"class-2.ppm", "class-3.ppm"} <= set(drawn)


def test_samples(base, tmp_path):
    training = Training(base, tmp_path, max_train_steps=4, sample_steps=2, n_save_sample=2,
                        save_sample_prompt="a sks fox", save_infer_steps=2)
    assert 3 in training.run()["phases"]
    assert {path.name for path in tmp_path.glob("sample-*")} == {
        f"sample-{step}-{index}.ppm" for step in (2, 4) for index in (0, 1)}


def test_trains_on_a_lower_precision(base, tmp_path):
    training = Training(base, tmp_path, max_train_steps=3, mixed_precision="bf16")
    exact = Training(base, (tmp_path / "exact").mkdir() or tmp_path / "exact", max_train_steps=3)
    assert training.run()["losses"] == pytest.approx(exact.run()["losses"], rel=0.03)


@pytest.mark.parametrize("change, says", [
    ({"instance_pictures": []}, "instance_data holds no picture"),
    ({"instance_prompt": ""}, "instance_prompt is empty"),
    ({"resolution": 33}, "resolution is 33: allowed are multiples of"),
    ({"learning_rate": -1.0}, "learning_rate is -1"),
    ({"lr_scheduler": "step"}, 'lr_scheduler is "step": allowed are linear'),
    ({"max_train_steps": 0}, "max_train_steps is 0"),
    ({"mixed_precision": "fp16"}, 'mixed_precision is "fp16", which needs a CUDA device'),
    ({"snr_gamma": 0.0}, "snr_gamma is 0"),
    ({"lora": {"rank": 0}}, "rank is 0"),
    ({"lora": {"unet_targets": ["to_x"]}}, 'unet_targets holds "to_x", which names no linear'),
    ({"learning_rate": 1e9, "max_grad_norm": 0.0, "max_train_steps": 9},
     "the training has run away"),
])
def test_refusals(base, change, says, tmp_path):
    reply = Training(base, tmp_path).run(check=False, **change)
    assert says in reply["error"]


def test_inpainting_bases_are_refused(tmp_path):
    base = tiny_models.save(tiny_models.build("inpainting"), tmp_path / "base")
    reply = Training(base, tmp_path).run(check=False)
    assert "made for inpainting" in reply["error"]
