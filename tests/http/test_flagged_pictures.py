"""The safety checker of a served template: what is left out, what is logged, the model store."""
import base64
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from emoji_lora import EMOJI_SD
from harness import Server, wait_until

ALL_FLAGGED = "NSFW content detected. Try running it again, or try a different prompt."
SMALL = {"prompt": "a fox", "seed": 7, "num_inference_steps": 2, "num_outputs": 3}
WIDTH, INNER, LAYERS, PATCH, SIDE, OUT = 16, 32, 1, 16, 32, 8


def write_checker(folder, thresholds):
    """A random checker whose concepts have these thresholds: a cosine of -1 to 1 above it flags."""
    random = np.random.default_rng(0)
    tensors = {"visual_projection.weight": (OUT, WIDTH), "concept_embeds": (17, OUT),
               "special_care_embeds": (3, OUT)}
    vision = "vision_model.vision_model"
    tensors |= {f"{vision}.embeddings.class_embedding": (WIDTH,),
                f"{vision}.embeddings.patch_embedding.weight": (WIDTH, 3, PATCH, PATCH),
                f"{vision}.embeddings.position_embedding.weight": ((SIDE // PATCH) ** 2 + 1, WIDTH)}
    linear = {f"self_attn.{name}_proj": (WIDTH, WIDTH) for name in ("q", "k", "v", "out")}
    linear |= {"mlp.fc1": (INNER, WIDTH), "mlp.fc2": (WIDTH, INNER)}
    layer = f"{vision}.encoder.layers.0"
    for name, shape in linear.items():
        tensors |= {f"{layer}.{name}.weight": shape, f"{layer}.{name}.bias": shape[:1]}
    for norm in (f"{vision}.pre_layrnorm", f"{vision}.post_layernorm", f"{layer}.layer_norm1",
                 f"{layer}.layer_norm2"):
        tensors |= {f"{norm}.weight": (WIDTH,), f"{norm}.bias": (WIDTH,)}
    values = {name: random.normal(0, 1, shape).astype(np.float32)
              for name, shape in tensors.items()}
    values |= {"concept_embeds_weights": np.full(17, thresholds, np.float32),
               "special_care_embeds_weights": np.full(3, 2, np.float32)}
    folder.mkdir(parents=True)
    save_file(values, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({
        "model_type": "clip", "projection_dim": OUT, "vision_config": {
            "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
            "num_attention_heads": 2, "image_size": SIDE, "patch_size": PATCH}}))


def weights_with_checker(folder, thresholds):
    shutil.copytree(EMOJI_SD, folder)
    write_checker(folder / "safety_checker", thresholds)
    index = json.loads((folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def serve(weights, models):
    started = Server("vanilla", args=("--models", str(models)), weights=weights, wait="")
    wait_until(started.listening, what="listening")
    started.wait_for("READY", limit_s=60)
    return started


@pytest.fixture
def server(tmp_path):
    servers = []

    def start(weights, models=tmp_path / "none"):
        servers.append(serve(weights, models))
        return servers[-1]
    yield start
    for each in servers:
        each.kill()


def pictures(answer):
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))
            for url in answer.json["output"]]


def seeds(answer):
    texts = [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).text["dream"]
             for url in answer.json["output"]]
    return [json.loads(text)["seed"] for text in texts]


def test_all_flagged_is_an_error_and_the_check_can_be_switched_off(server, tmp_path):
    started = server(weights_with_checker(tmp_path / "strict", -1.5))
    answer = started.predict(SMALL)
    assert answer.json["status"] == "failed" and answer.json["error"] == ALL_FLAGGED
    for number in (1, 2, 3):
        line = f"picture {number} (seed {6 + number}): flagged by the safety checker, left out"
        assert line in answer.json["logs"]
    unchecked = started.predict(SMALL | {"disable_safety_check": True})
    assert len(unchecked.json["output"]) == 3 and "flagged" not in unchecked.json["logs"]
    assert "no safety checker" not in started.log()


def test_some_flagged_leave_the_others_with_their_seeds(server, tmp_path):
    ten = SMALL | {"num_outputs": 10}
    lenient = server(weights_with_checker(tmp_path / "lenient", 1.5))
    wanted = pictures(lenient.predict(ten))
    assert len(wanted) == 10
    # A threshold that parts these is found by halving.
    low, high = -1.0, 1.0
    for attempt in range(20):
        middle = (low + high) / 2
        folder = weights_with_checker(tmp_path / f"some{attempt}", middle)
        answer = server(folder).predict(ten)
        kept = len(answer.json.get("output") or [])
        if 0 < kept < 10:
            break
        low, high = (middle, high) if kept == 0 else (low, middle)
    assert 0 < kept < 10, "no threshold parts the pictures"
    assert answer.json["metrics"]["image_count"] == kept
    for seed, picture in zip(seeds(answer), pictures(answer)):
        assert (picture == wanted[seed - 7]).all()
    assert answer.json["logs"].count("flagged by the safety checker") == 10 - kept


def test_weights_without_a_checker_say_so_once_or_take_the_stores(server, tmp_path):
    plain = server(EMOJI_SD)
    assert len(plain.predict(SMALL).json["output"]) == 3
    plain.predict(SMALL)
    assert plain.log().count("the weights carry no safety checker") == 1
    write_checker(tmp_path / "models/safety_checker", -1.5)
    stored = server(EMOJI_SD, tmp_path / "models")
    assert stored.predict(SMALL).json["error"] == ALL_FLAGGED
    assert "no safety checker" not in stored.log()
