"""The trainers over HTTP: what they take, what output.zip holds, who can use it, and what a crash
or a cancel leaves behind. On the bundled emoji-sd, in a few steps."""
import base64
import io
import json
import os
import shutil
import signal
import zipfile

import numpy as np
import pytest
from events import Stream
from harness import Server, wait_until
from PIL import Image
from safetensors.numpy import load as load_safetensors
from training_pictures import (archive, data_url, encoded, opened, robot, robots,
                               unusual_pictures)
from tuned_models import EMOJI_SD

INPUT = {"instance_prompt": "a photo of sks robot", "class_prompt": "a photo of a robot",
         "max_train_steps": 3, "with_prior_preservation": False, "learning_rate": 1e-4}


def start(tmp_path, *templates, weights=EMOJI_SD, args=(), **options):
    return Server(*templates, weights=weights, args=("--state-dir", str(tmp_path / "state"), *args),
                  **options)


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    """Both trainers, and who draws with what they make."""
    server = start(tmp_path_factory.mktemp("trainer"), "dreambooth", "dreambooth-lora", "vanilla",
                   args=("--allow-request-weights",))
    yield server
    server.kill()


def train(server, template="dreambooth", data=None, **inputs):
    given = INPUT | {"instance_data": data_url(robots() if data is None else data)} | inputs
    return server.post(f"/templates/{template}/predictions", {"input": given}, timeout=120).json


def trained(server, template="dreambooth", **inputs):
    done = train(server, template, **inputs)
    assert done["status"] == "succeeded", done
    return done


def drawn(server, **inputs):
    answer = server.post("/templates/vanilla/predictions", {"input": {
        "prompt": "a photo of sks robot", "seed": 7, "num_inference_steps": 2} | inputs},
        timeout=120).json
    assert answer["status"] == "succeeded", answer
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(
        answer["output"][0].partition(",")[2]))))


@pytest.fixture(scope="module")
def model(trainer):
    return trained(trainer, save_sample_prompt="a photo of sks robot", n_save_sample=2,
                   save_infer_steps=2, weights_format="both")


@pytest.fixture(scope="module")
def lora(trainer):
    return trained(trainer, "dreambooth-lora", learning_rate=1e-2)


def test_output_zip_holds_a_model_its_arguments_and_samples(model):
    with opened(model["output"]) as written:
        names = set(written.namelist())
        assert {"model_index.json", "args.json", "loss.png", "samples/0.png", "samples/1.png",
                "unet/config.json", "unet/diffusion_pytorch_model.bin",
                "unet/diffusion_pytorch_model.safetensors", "text_encoder/pytorch_model.bin",
                "vae/diffusion_pytorch_model.bin", "tokenizer/vocab.json",
                "scheduler/scheduler_config.json"} <= names, names
        assert {entry.compress_type for entry in written.infolist()} == {zipfile.ZIP_STORED}
        assert written.testzip() is None
        arguments = json.loads(written.read("args.json"))
        sample = Image.open(io.BytesIO(written.read("samples/0.png")))
        curve = Image.open(io.BytesIO(written.read("loss.png")))
    assert arguments["instance_prompt"] == "a photo of sks robot"
    assert arguments["max_train_steps"] == 3 and arguments["resolution"] == 128
    assert arguments["adam_beta2"] == 0.999 and arguments["class_data"] is None
    assert sample.size == (128, 128)
    assert curve.size == (960, 540)


def test_a_training_tells_its_course(model):
    assert model["metrics"]["steps"] == 3
    assert model["metrics"]["loss"] > 0
    assert model["metrics"]["learning_rate"] == 1e-4
    assert model["metrics"]["steps_per_s"] > 0
    assert "step 3/3: loss=" in model["logs"] and "lr=0.0001" in model["logs"]
    assert "instance_data: 3 pictures" in model["logs"]


def test_bin_is_what_is_written_unless_said_otherwise(trainer):
    with opened(trained(trainer)["output"]) as written:
        weights = {name for name in written.namelist()
                   if name.endswith((".bin", ".safetensors"))}
    assert "unet/diffusion_pytorch_model.bin" in weights
    assert not any(name.endswith(".safetensors") for name in weights)


def test_templates_draw_with_the_trained_model(trainer, model):
    assert (drawn(trainer, weights=model["output"]) != drawn(trainer)).any()


def test_args_give_the_default_prompt(model, tmp_path):
    (tmp_path / "output.zip").write_bytes(base64.b64decode(model["output"].partition(",")[2]))
    server = Server("vanilla", weights=tmp_path / "output.zip")
    try:
        schema = server.get("/openapi.json").json["components"]["schemas"]["Input"]
        assert schema["properties"]["prompt"]["default"] == "a photo of sks robot"
    finally:
        server.kill()


def test_a_lora_is_one_file_in_two_forms(lora):
    with opened(lora["output"]) as written:
        names = set(written.namelist())
        assert {"pytorch_lora_weights.safetensors", "pytorch_lora_weights_kohya.safetensors",
                "args.json", "loss.png"} <= names, names
        assert "model_index.json" not in names
        tensors = load_safetensors(written.read("pytorch_lora_weights.safetensors"))
        kohya = load_safetensors(written.read("pytorch_lora_weights_kohya.safetensors"))
        arguments = json.loads(written.read("args.json"))
    assert {name.split(".")[0] for name in tensors} == {"unet", "text_encoder"}
    assert all("lora" in name for name in tensors)
    assert {name.split("_")[1] for name in kohya} == {"unet", "te"}
    assert arguments["rank"] == 4 and arguments["lora_alpha"] == 4


def test_the_lora_input_takes_the_whole_output(trainer, lora):
    plain, laid = drawn(trainer), drawn(trainer, lora=[lora["output"]])
    assert (plain != laid).any()
    assert (drawn(trainer, lora=[lora["output"] + "@0"]) == plain).all()


def test_a_lora_without_the_text_encoder_leaves_it_alone(trainer):
    done = trained(trainer, "dreambooth-lora", train_text_encoder=False, unet_targets=["to_v"])
    with opened(done["output"]) as written:
        tensors = load_safetensors(written.read("pytorch_lora_weights.safetensors"))
    assert tensors and all(name.startswith("unet.") and "to_v" in name for name in tensors)


def test_class_pictures_are_drawn_where_they_are_missing(trainer):
    given = archive({"class.png": encoded(robot(40))})
    done = trained(trainer, with_prior_preservation=True, num_class_images=2,
                   class_data=data_url(given), max_train_steps=1)
    assert "class_data: 1 pictures" in done["logs"]
    assert "class pictures" in done["logs"]


def test_unusual_pictures_are_taken(trainer):
    pictures = unusual_pictures()
    done = trained(trainer, data=archive(pictures), max_train_steps=1)
    assert f"instance_data: {len(pictures)} pictures" in done["logs"]


def test_captions_are_taken(trainer):
    pictures = {f"{i}.png": encoded(robot(i)) for i in range(3)}
    texts = {f"{i}.txt": "a red cat" for i in range(3)}
    seen = {}
    for name, members in (("prompt", pictures), ("captions", pictures | texts)):
        done = trained(trainer, "dreambooth-lora", data=archive(members))
        with opened(done["output"]) as written:
            seen[name] = written.read("pytorch_lora_weights.safetensors")
    assert seen["prompt"] != seen["captions"]


GIF = encoded(robot(1).convert("P"), "GIF")
BAD = {
    "none": (archive({}), "it has no picture"),
    "texts alone": (archive({"a.txt": "a"}), "it has no picture"),
    "no archive": (b"just a text", "it cannot be used as a zip archive"),
    "a tar": (b"ustar\0" * 100, "it cannot be used as a zip archive"),
    "cut off": (robots()[:-200], "it cannot be used as a zip archive"),
    "a text renamed": (archive({"ok.png": encoded(robot(1)), "cat/no.png": "a text"}),
                       "the picture 'cat/no.png' cannot be read"),
    "a picture cut off": (archive({"half.png": encoded(robot(1))[:300]}),
                          "the picture 'half.png' cannot be read"),
    "nested": (archive({"more.zip": robots()}), "'more.zip' is an archive inside the archive"),
    "a bomb": (archive({"b.png": b"\0" * (100 << 20)}, zipfile.ZIP_DEFLATED),
               "'b.png' cannot be read"),
    "a huge canvas": (archive({"big.png": encoded(Image.new("1", (30_000, 30_000)))}),
                      "at most 64 million are allowed"),
    "gif": (archive({"x.gif": GIF}), "the picture 'x.gif' cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_archives_are_refused_before_any_training(trainer, name):
    content, why = BAD[name]
    done = train(trainer, data=content)
    assert done["status"] == "failed"
    assert done["error"].startswith("instance_data: ") and why in done["error"], done["error"]
    assert "step" not in done["logs"]


def test_names_that_lead_out_are_only_names(trainer):
    done = trained(trainer, data=archive({"../../evil.png": encoded(robot(1)),
                                          "/etc/evil.png": encoded(robot(2))}), max_train_steps=1)
    assert "instance_data: 2 pictures" in done["logs"]
    assert not os.path.exists("/etc/evil.png")


@pytest.mark.parametrize("inputs, field", [
    ({"learning_rate": 2}, "learning_rate"), ({"lr_scheduler": "step"}, "lr_scheduler"),
    ({"max_train_steps": -1}, "max_train_steps"), ({"resolution": 16}, "resolution"),
    ({"weights_format": "gguf"}, "weights_format"), ({"instance_data": None}, "instance_data"),
    ({"ckpt_base": "nothing"}, "ckpt_base")])
def test_inputs_out_of_their_limits_are_refused_at_once(trainer, inputs, field):
    given = INPUT | {"instance_data": data_url(robots())} | inputs
    answer = trainer.post("/templates/dreambooth/predictions", {"input": given})
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", "input", field]


def test_samples_on_the_way_are_shown_and_kept(trainer):
    body = {"input": INPUT | {"instance_data": data_url(robots()), "max_train_steps": 4,
                              "sample_steps": 2, "n_save_sample": 1, "save_infer_steps": 2,
                              "save_sample_prompt": "a photo of sks robot"}}
    # A LoRA: the output of the other is more than an event holds, and comes by --upload-url.
    path = "/templates/dreambooth-lora/predictions?events=preview,progress"
    with Stream(trainer.port, "POST", path, body, timeout=120) as stream:
        events = list(stream)
    assert events[-1].data["status"] == "succeeded", events[-1].data
    previews = [event.data for event in events if event.name == "preview"]
    assert [one["step"] for one in previews] == [2, 4]
    assert all(one["image"].startswith("data:image/jpeg;base64,") for one in previews)
    labels = [event.data.get("label", "") for event in events if event.name == "progress"]
    assert any(label.startswith("loss ") for label in labels), labels
    with opened(events[-1].data["output"]) as written:
        names = written.namelist()
    assert "samples/step-2/0.png" in names and "samples/0.png" in names


def test_a_base_by_name_serves_a_trainer_without_weights(tmp_path):
    models = tmp_path / "models"
    shutil.copytree(EMOJI_SD, models / "emoji", ignore=shutil.ignore_patterns("controlnet-*"))
    server = start(tmp_path, "dreambooth", weights="none", args=("--models", str(models)))
    try:
        assert "add weights" in train(server)["error"]
        done = trained(server, ckpt_base="emoji", max_train_steps=1)
        with opened(done["output"]) as written:
            assert json.loads(written.read("args.json"))["ckpt_base"] == "emoji"
    finally:
        server.kill()


def weights_of(done):
    with opened(done["output"]) as written:
        return {name: written.read(name) for name in written.namelist() if name.endswith(".bin")}


LONG = {"max_train_steps": 60, "checkpointing_steps": 10, "learning_rate": 1e-5}


def kept(tmp_path):
    """Those that are whole: one that is being written has an ending."""
    return [path for path in (tmp_path / "state/trainings").glob("*/checkpoints/checkpoint-*")
            if not path.suffix]


def test_a_killed_training_goes_on_where_it_was(tmp_path):
    server = start(tmp_path, "dreambooth")
    try:
        given = INPUT | LONG | {"instance_data": data_url(robots())}
        began = server.start(given).json["id"]
        wait_until(lambda: kept(tmp_path), 60, "a checkpoint")
        for worker in server.workers():
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: server.put_running(began) != 202, 30, "the end of the prediction")
        server.wait_for("READY", limit_s=60)
        again = trained(server, **LONG)
        assert again["metrics"]["resumed_from_step"] >= 10
        assert not kept(tmp_path)
        anew = trained(server, **LONG, resume_from_checkpoint="none")
        assert anew["metrics"]["resumed_from_step"] == 0
        assert weights_of(again) == weights_of(anew)
    finally:
        server.kill()


def test_a_canceled_training_keeps_its_checkpoint(tmp_path):
    server = start(tmp_path, "dreambooth")
    try:
        given = INPUT | LONG | {"instance_data": data_url(robots()), "max_train_steps": 100_000,
                                "checkpointing_steps": 50_000}
        with Stream(server.port, "POST", "/predictions", {"input": given}, timeout=120) as stream:
            for event in stream:
                if event.name == "start":
                    identity = event.data["id"]
                if event.name == "log" and "step " in json.dumps(event.data):
                    server.post(f"/predictions/{identity}/cancel")
                if event.name == "completed":
                    break
        assert event.data["status"] == "canceled"
        assert "a checkpoint is kept" in event.data["logs"]
        assert kept(tmp_path)
    finally:
        server.kill()
