"""`dream weights verify`: whole weights pass, each kind of damage is named."""
import json
import shutil

import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file, save_file

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def model(dream, tmp_path):
    assert dream("weights", "init", "--arch", "sd15-tiny", tmp_path / "model").returncode == 0
    return tmp_path / "model"


def verify(dream, *arguments):
    done = dream("weights", "verify", *arguments, "--json")
    return done.returncode, json.loads(done.stdout)


def component(report, name):
    return next(part for part in report["components"] if part["name"] == name)


def test_whole_models_pass(dream, model):
    code, report = verify(dream, model)
    assert code == 0 and report["ok"]
    assert {part["name"] for part in report["components"]} >= {"unet", "vae", "text_encoder"}
    assert all(part["checked"] and part["tensors"] for part in report["components"])
    assert verify(dream, ROOT / "weights/emoji-sd/model")[0] == 0
    assert dream("weights", "verify", model).stdout.strip().endswith("whole")
    assert verify(dream, model / "unet")[1]["components"][0]["checked"]


def test_damage_is_named(dream, model):
    tensors = load_file(model / UNET)
    del tensors["conv_in.bias"]
    tensors["conv_out.bias"] = torch.zeros(7)
    tensors["stranger"] = torch.tensor([1.0, float("nan"), float("inf"), float("-inf")]).half()
    save_file(tensors, model / UNET)
    (model / "vae/diffusion_pytorch_model.safetensors").write_bytes(b"\x10" * 100)
    code, report = verify(dream, model)
    unet = component(report, "unet")
    assert code == 1 and not report["ok"] and not unet["ok"]
    assert unet["missing"] == ["conv_in.bias"] and unet["unexpected"] == ["stranger"]
    assert unet["wrong_shape"][0].startswith("conv_out.bias is [7], expected [4]")
    assert (unet["nan"], unet["inf"]) == (1, 2)
    assert "vae" in component(report, "vae")["error"]
    assert component(report, "text_encoder")["ok"]
    text = dream("weights", "verify", model)
    assert text.returncode == 1 and "missing: conv_in.bias" in text.stdout
    assert text.stdout.strip().endswith("damaged")


def test_single_files(dream, tmp_path):
    save_file({"a": torch.ones(3)}, tmp_path / "a.safetensors")
    assert verify(dream, tmp_path / "a.safetensors")[0] == 0
    save_file({"a": torch.full((3,), float("nan"), dtype=torch.bfloat16)},
              tmp_path / "n.safetensors")
    code, report = verify(dream, tmp_path / "n.safetensors")
    assert code == 1 and report["components"][0]["nan"] == 3
    (tmp_path / "short.safetensors").write_bytes(
        (tmp_path / "a.safetensors").read_bytes()[:-4])
    assert verify(dream, tmp_path / "short.safetensors")[0] == 1
    torch.save({"w": torch.ones(2)}, tmp_path / "w.pth")
    assert verify(dream, tmp_path / "w.pth")[0] == 0


def test_pulled_folders_are_compared_with_their_record(dream, model, tmp_path):
    import hashlib
    store = tmp_path / "store"
    shutil.copytree(model, store / "toy")
    digest = hashlib.sha256((model / UNET).read_bytes()).hexdigest()
    record = {"files": [{"path": UNET, "sha256": digest}, {"path": "gone", "sha256": digest}]}
    (store / "toy/.dream-pull.json").write_text(json.dumps(record))
    code, report = verify(dream, "toy", "--models", store)
    assert code == 1
    assert [(f["path"], f["ok"]) for f in report["files"]] == [(UNET, True), ("gone", False)]


def test_nothing_to_verify_is_told(dream, tmp_path):
    assert dream("weights", "verify", "nowhere").returncode == 2
    (tmp_path / "empty").mkdir()
    done = dream("weights", "verify", tmp_path / "empty")
    assert done.returncode == 1 and "holds no weights" in done.stderr


def test_a_name_of_the_store_serves_as_weights(dream, model, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(model, store / "toy")
    done = dream("predict", "vanilla", "-i", "prompt=a", "-i", "width=128", "-i", "height=128",
                 "-i", "num_inference_steps=1", "-i", "seed=1", "--weights", "toy",
                 "--models", store, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    done = dream("predict", "vanilla", "-i", "prompt=a", "--weights", "tory", "--models", store)
    assert done.returncode == 2 and str(store) in done.stderr and "'tory'" in done.stderr
