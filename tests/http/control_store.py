"""A model store of random control networks that fit the bundled emoji-sd."""
import json
import subprocess

import numpy as np
from safetensors.numpy import save_file

from harness import BUILD, ROOT

EMOJI_SD = ROOT / "weights/emoji-sd/model"
TEMPLATES = sorted(path.stem for path in (BUILD / "lib/dream/templates").glob("*.so"))
CONTROLNETS = [name for name in TEMPLATES if name.startswith("controlnet-")]
ADAPTERS = [name for name in TEMPLATES if name.startswith("t2i-adapter-")]
WIDTH, WORDS = 128, 128  # of the vision encoder, of emoji-sd's text encoder


def layer(tensors, name, rows, columns, random):
    tensors[f"{name}.weight"] = random.normal(0, columns**-0.5, (rows, columns))
    tensors[f"{name}.bias"] = np.zeros(rows)


def norm(tensors, name):
    tensors[f"{name}.weight"], tensors[f"{name}.bias"] = np.ones(WIDTH), np.zeros(WIDTH)


def write(tensors, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(value, np.float32) for name, value in tensors.items()},
              path)


def vision_encoder(folder, size=32, patch=8):
    random, tensors = np.random.default_rng(1), {}
    tensors["vision_model.embeddings.class_embedding"] = random.normal(size=WIDTH)
    tensors["vision_model.embeddings.patch_embedding.weight"] = random.normal(
        0, 0.1, (WIDTH, 3, patch, patch))
    tensors["vision_model.embeddings.position_embedding.weight"] = random.normal(
        0, 0.1, ((size // patch)**2 + 1, WIDTH))
    encoder = "vision_model.encoder.layers.0"
    for part in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj"):
        layer(tensors, f"{encoder}.{part}", WIDTH, WIDTH, random)
    layer(tensors, f"{encoder}.mlp.fc1", 2 * WIDTH, WIDTH, random)
    layer(tensors, f"{encoder}.mlp.fc2", WIDTH, 2 * WIDTH, random)
    for part in (f"{encoder}.layer_norm1", f"{encoder}.layer_norm2", "vision_model.pre_layrnorm",
                 "vision_model.post_layernorm"):
        norm(tensors, part)
    write(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({
        "model_type": "clip_vision_model", "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 1, "num_attention_heads": 4, "image_size": size, "patch_size": patch,
        "hidden_act": "quick_gelu", "projection_dim": WIDTH, "num_channels": 3}))


def style_adapter(file):
    random, tensors = np.random.default_rng(2), {}
    tensors["style_embedding"] = random.normal(size=(1, 4, WIDTH))
    tensors["proj"] = random.normal(0, WIDTH**-0.5, (WIDTH, WORDS))
    block = "transformer_layes.0"
    tensors[f"{block}.attn.in_proj_weight"] = random.normal(0, WIDTH**-0.5, (3 * WIDTH, WIDTH))
    tensors[f"{block}.attn.in_proj_bias"] = np.zeros(3 * WIDTH)
    layer(tensors, f"{block}.attn.out_proj", WIDTH, WIDTH, random)
    layer(tensors, f"{block}.mlp.c_fc", 4 * WIDTH, WIDTH, random)
    layer(tensors, f"{block}.mlp.c_proj", WIDTH, 4 * WIDTH, random)
    for part in (f"{block}.ln_1", f"{block}.ln_2", "ln_pre", "ln_post"):
        norm(tensors, part)
    write(tensors, file)


def make_store(folder):
    """Every network that a template asks for; those of a kind are one network under many names."""
    for arch in ("controlnet-emoji", "t2i-adapter-emoji"):
        subprocess.run([BUILD / "bin/dream", "weights", "init", "--arch", arch, "--seed", "3",
                        folder / arch], check=True, stdout=subprocess.DEVNULL)
    for name in CONTROLNETS:
        (folder / name).symlink_to(folder / "controlnet-emoji")
    for name in ADAPTERS:
        if name != "t2i-adapter-style":
            (folder / name).symlink_to(folder / "t2i-adapter-emoji")
    style_adapter(folder / "t2i-adapter-style/t2iadapter_style_sd14v1.safetensors")
    vision_encoder(folder / "clip-vit-large-patch14")
    (folder / "pictures").mkdir()
    return folder
