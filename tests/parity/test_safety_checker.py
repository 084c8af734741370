"""The safety checker of tiny random models against diffusers' own: scores, and whole requests."""
import json
import shutil

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import (StableDiffusionSafetyChecker,
                                                                 cosine_distance)
from PIL import Image
from transformers import CLIPConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import tiny_models
from engine_client import run_engine
from test_engine_load import assert_names

ALL_FLAGGED = "NSFW content detected. Try running it again, or try a different prompt."
# Patches of 8 pixels; patches that leave a border; everything but the sizes off its default.
VISION = {
    "plain": dict(image_size=32, patch_size=8),
    "border": dict(image_size=30, patch_size=7),
    "gelu": dict(image_size=24, patch_size=12, hidden_act="gelu", layer_norm_eps=1e-3,
                 hidden_size=40, num_attention_heads=5, num_hidden_layers=1),
}
SIZES = [(32, 32), (64, 40), (40, 96), (33, 31), (200, 50), (24, 24), (7, 5)]  # width, height
DRAW = {"op": "generate", "prompt": "a red apple", "num_inference_steps": 2, "seed": 5,
        "scheduler": "DDIM", "width": 32, "height": 32}


def checker(seed=1, **vision):
    config = CLIPConfig(projection_dim=16, vision_config=dict(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        projection_dim=16) | vision)
    torch.manual_seed(seed)
    model = StableDiffusionSafetyChecker(config).eval()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if not name.startswith("vision_model") or "norm" not in name:
                tensor.copy_(torch.randn_like(tensor) * 0.3)
        model.concept_embeds_weights.copy_(torch.rand(17) * 0.4 - 0.1)
        model.special_care_embeds_weights.copy_(torch.rand(3) * 0.4 - 0.1)
    return model


def processor(size, **settings):
    return CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size=size, **settings)


def save(folder, model, extractor):
    """Lays a checker into a model folder, as a pipeline's save_pretrained does."""
    model.save_pretrained(folder / "safety_checker")
    index = json.loads((folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    if extractor:
        extractor.save_pretrained(folder / "feature_extractor")
        index["feature_extractor"] = ["transformers", "CLIPImageProcessor"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return tiny_models.save(tiny_models.build("matrix-4"), tmp_path_factory.mktemp("plain") / "sd")


@pytest.fixture
def copy(plain, tmp_path):
    return shutil.copytree(plain, tmp_path / "sd")


def pictures():
    random = np.random.default_rng(3)
    return [random.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
            .repeat(4, 0).repeat(4, 1)[:height, :width] for width, height in SIZES]


def scores_of(folder, **options):
    inputs = {str(i): torch.from_numpy(picture).float() for i, picture in enumerate(pictures())}
    operations = [{"op": "safety", "pixels": name, "out": name} for name in inputs]
    reply = run_engine(folder, operations, inputs, **options)
    assert "error" not in reply.answer, reply.answer
    return [(reply[f"{name}.special_care"], reply[f"{name}.concepts"],
             reply.operation(i)["flagged"]) for i, name in enumerate(inputs)]


def reference(model, extractor):
    """diffusers' forward, and the scores it keeps to itself, by its own arithmetic."""
    every = []
    for picture in pictures():
        pixels = extractor(Image.fromarray(picture), return_tensors="pt").pixel_values
        _, [flagged] = model(pixels, [np.zeros(1)])
        embeds = model.visual_projection(model.vision_model(pixels)[1])
        adjustment, lists = 0.0, []
        for other, weights, sharpens in (
                (model.special_care_embeds, model.special_care_embeds_weights, True),
                (model.concept_embeds, model.concept_embeds_weights, False)):
            cosines, scores = cosine_distance(embeds, other)[0].numpy(), []
            for cosine, threshold in zip(cosines, weights):
                scores.append(round(cosine - threshold.item() + adjustment, 3))
                if sharpens and scores[-1] > 0:
                    adjustment = 0.01
            lists.append(scores)
        every.append((*lists, flagged))
    return every


@torch.no_grad()
@pytest.mark.parametrize("name", VISION)
@pytest.mark.parametrize("seed", range(2))
def test_scores(copy, name, seed):
    model, extractor = checker(seed, **VISION[name]), processor(VISION[name]["image_size"])
    apart = 0
    for ours, theirs in zip(scores_of(save(copy, model, extractor)), reference(model, extractor)):
        for mine, wanted in zip(ours[:2], theirs[:2]):
            difference = (mine - torch.tensor(wanted)).abs()
            assert difference.max() < 1.1e-3  # rounding to thousandths may tip over
            apart += int((difference > 1e-6).sum())
        assert ours[2] == theirs[2]
    assert apart <= 2, "of 140 scores"


@torch.no_grad()
def test_special_care_sharpens(copy):
    """A concept just below its threshold counts where a special one is near, and only there."""
    model, extractor = checker(**VISION["plain"]), processor(32)
    pixels = extractor(Image.fromarray(pictures()[0]), return_tensors="pt").pixel_values
    embeds = model.visual_projection(model.vision_model(pixels)[1])
    model.concept_embeds_weights.fill_(2)
    model.concept_embeds_weights[4] = cosine_distance(embeds, model.concept_embeds)[0, 4] + 0.005
    for threshold, flagged in ((2.0, False), (-2.0, True)):
        model.special_care_embeds_weights.fill_(2)
        model.special_care_embeds_weights[2] = threshold
        assert reference(model, extractor)[0][2] == flagged
        assert scores_of(save(copy, model, extractor))[0][2] == flagged


@torch.no_grad()
@pytest.mark.parametrize("settings", [
    dict(resample=2), dict(resample=1), dict(resample=0),
    dict(image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.3, 0.4])], ids=str)
def test_preprocessor_settings(copy, settings):
    model, extractor = checker(**VISION["plain"]), processor(32, **settings)
    for ours, theirs in zip(scores_of(save(copy, model, extractor)), reference(model, extractor)):
        assert (ours[1] - torch.tensor(theirs[1])).abs().max() < 1.1e-3
        assert ours[2] == theirs[2]


@torch.no_grad()
def test_files_of_older_writers(copy):
    """What published files look like: nested names, sizes as numbers, generation settings."""
    model, extractor = checker(**VISION["plain"]), processor(32)
    wanted = scores_of(save(copy, model, extractor))
    tensors = {("vision_model." + name if name.startswith("vision_model.") else name): tensor
               for name, tensor in model.state_dict().items()}
    tensors["vision_model.vision_model.embeddings.position_ids"] = torch.arange(17)[None]
    (copy / "safety_checker/model.safetensors").unlink()
    torch.save(tensors, copy / "safety_checker/pytorch_model.bin")
    config = json.loads((copy / "safety_checker/config.json").read_text())
    old = {"text_config_dict": {}, "vision_config_dict": None, "logit_scale_init_value": 2.6592,
           "vision_config": config["vision_config"] | {
               "max_length": 20, "top_k": 50, "temperature": 1.0, "id2label": {"0": "LABEL_0"},
               "tie_word_embeddings": True, "length_penalty": 1.0, "dropout": 0.0}}
    (copy / "safety_checker/config.json").write_text(json.dumps(config | old))
    (copy / "feature_extractor/preprocessor_config.json").write_text(json.dumps({
        "crop_size": 32, "size": 32, "resample": 3, "do_resize": True, "do_center_crop": True,
        "do_normalize": True, "do_convert_rgb": True, "feature_extractor_type":
        "CLIPFeatureExtractor", "image_mean": extractor.image_mean,
        "image_std": extractor.image_std}))
    for ours, before in zip(scores_of(copy), wanted):
        assert torch.equal(ours[0], before[0]) and torch.equal(ours[1], before[1])
    shutil.rmtree(copy / "feature_extractor")  # then CLIP's own settings and the model's size
    assert torch.equal(scores_of(copy)[0][1], wanted[0][1])


def flag_some(model, extractor, images, count):
    """Sets the thresholds so that exactly `count` of `images` are flagged."""
    with torch.no_grad():
        cosines = []
        for image in images:
            pixels = extractor(Image.fromarray(image), return_tensors="pt").pixel_values
            embeds = model.visual_projection(model.vision_model(pixels)[1])
            cosines.append(cosine_distance(embeds, model.concept_embeds)[0, 0].item())
        model.special_care_embeds_weights.fill_(2)
        model.concept_embeds_weights.fill_(2)
        ordered = sorted(cosines, reverse=True) + [-2]
        model.concept_embeds_weights[0] = (ordered[count - 1] + ordered[count]) / 2
        assert min(a - b for a, b in zip(ordered, ordered[1:])) > 2e-3, "choose another seed"


@torch.no_grad()
def model_flags(model, extractor, images):
    return [model(extractor(Image.fromarray(image), return_tensors="pt").pixel_values,
                  [np.zeros(1)])[1][0] for image in images]


@pytest.fixture(scope="module")
def drawn(plain):
    """Four pictures without a checker, and what they look like in diffusers."""
    reply = run_engine(plain, [DRAW | {"num_outputs": 4}])
    return [image.numpy() for image in reply.images("generate")]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_flagged_pictures_are_left_out(copy, drawn, count):
    model, extractor = checker(**VISION["plain"]), processor(32)
    flag_some(model, extractor, drawn, count)
    flags = model_flags(model, extractor, drawn)
    reply = run_engine(save(copy, model, extractor), [
        DRAW | {"num_outputs": 4}, DRAW | {"num_outputs": 4, "disable_safety_check": True,
                                           "out": "unchecked"}])
    assert sum(flags) == count
    assert reply.operation(0)["flagged"] == [i for i, flag in enumerate(flags) if flag]
    kept = {int(name.split(".")[1]): tensor for name, tensor in reply.tensors.items()
            if name.startswith("generate.")}
    assert sorted(kept) == [i for i, flag in enumerate(flags) if not flag]
    for i, tensor in kept.items():
        assert np.array_equal(tensor.numpy(), drawn[i])
    assert reply.operation(1)["flagged"] == []
    assert all(np.array_equal(a.numpy(), b) for a, b in zip(reply.images("unchecked"), drawn))


def test_the_whole_pipeline_flags_as_diffusers_does(copy, drawn):
    model, extractor = checker(**VISION["plain"]), processor(32)
    flag_some(model, extractor, drawn, 2)
    pipeline = tiny_models.build("matrix-4")
    pipeline.safety_checker, pipeline.feature_extractor = model, extractor
    pipeline.scheduler = tiny_models.DDIMScheduler.from_config(
        pipeline.scheduler.config, clip_sample=False)
    pipeline.set_progress_bar_config(disable=True)
    flags = []
    for i in range(4):
        flags += pipeline(DRAW["prompt"], num_inference_steps=2, width=32, height=32,
                          generator=torch.Generator().manual_seed(DRAW["seed"] + i)
                          ).nsfw_content_detected
    reply = run_engine(save(copy, model, extractor), [DRAW | {"num_outputs": 4}])
    assert reply.operation(0)["flagged"] == [i for i, flag in enumerate(flags) if flag]
    assert sum(flags) == 2


def test_all_flagged(copy, drawn):
    model, extractor = checker(**VISION["plain"]), processor(32)
    flag_some(model, extractor, drawn, 4)
    reply = run_engine(save(copy, model, extractor), [
        DRAW | {"num_outputs": 2}, DRAW | {"disable_safety_check": True}])
    assert reply.operation(0)["kind"] == "AllFlagged"
    assert reply.operation(0)["error"] == ALL_FLAGGED
    assert reply.operation(0)["flagged"] == [0, 1]
    assert "error" not in reply.operation(1)


def test_a_checker_of_the_model_store(plain, copy, tmp_path):
    """For weights that carry none; those of the weights go first."""
    model, extractor = checker(**VISION["plain"]), processor(32)
    wanted = scores_of(save(copy, model, extractor))
    model.save_pretrained(tmp_path / "safety_checker")
    extractor.save_pretrained(tmp_path / "safety_checker")
    stored = {"safety_checker": str(tmp_path / "safety_checker")}
    for ours, theirs in zip(scores_of(plain, **stored), wanted):
        assert torch.equal(ours[1], theirs[1])
    save(copy, checker(2, **VISION["plain"]), extractor)
    assert not torch.equal(scores_of(copy, **stored)[0][1], wanted[0][1])
    index = json.loads((copy / "model_index.json").read_text())
    index["safety_checker"] = ["somewhere", "OtherChecker"]
    (copy / "model_index.json").write_text(json.dumps(index))
    reply = run_engine(copy, [], **stored)
    assert_names(reply.answer["warnings"][0], "OtherChecker", "StableDiffusionSafetyChecker")
    assert torch.equal(scores_of(copy, **stored)[0][1], wanted[0][1])


@pytest.mark.parametrize("file, change, words", [
    ("safety_checker/config.json", {"projection_dim": 8}, ["visual_projection.weight", "[8, 32]"]),
    ("safety_checker/config.json", {"new_thing": 3}, ["safety_checker/config.json", "new_thing"]),
    ("feature_extractor/preprocessor_config.json", {"crop_size": 16}, ["crop_size", "16", "32"]),
    ("feature_extractor/preprocessor_config.json", {"do_normalize": False}, ["do_normalize"]),
    ("feature_extractor/preprocessor_config.json", {"resample": 5}, ["resample", "5"]),
    ("feature_extractor/preprocessor_config.json", {"rescale_factor": 1}, ["rescale_factor"]),
    ("feature_extractor/preprocessor_config.json", {"image_mean": [1]}, ["image_mean", "3"]),
])
def test_what_does_not_fit_is_refused_by_name(copy, file, change, words):
    save(copy, checker(**VISION["plain"]), processor(32))
    content = json.loads((copy / file).read_text())
    (copy / file).write_text(json.dumps(content | change))
    assert_names(run_engine(copy, []).answer["error"], *words)
