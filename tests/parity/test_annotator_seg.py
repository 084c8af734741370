"""UperNet on ConvNeXt against transformers, and the map of segments against its parts."""
import json

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import ConvNextConfig, UperNetConfig, UperNetForSemanticSegmentation

import annotator_oracles
from annotator_client import annotate, fill, photo, run_annotators
from probes import relative_error

STAGES = ["stage1", "stage2", "stage3", "stage4"]
# As transformers 4 wrote them into every config.
LEGACY = {"_commit_hash": None, "is_decoder": False, "max_length": 20, "num_beams": 1,
          "temperature": 1.0, "torchscript": False, "typical_p": 1.0, "use_bfloat16": False,
          "sep_token_id": None, "torch_dtype": "float32"}


def make(folder, backbone, **options):
    """A folder as published and the model in it."""
    config = UperNetConfig(backbone_config=ConvNextConfig(out_features=STAGES, **backbone),
                           **{"auxiliary_in_channels": backbone["hidden_sizes"][2]} | options)
    with torch.device("meta"):
        model = UperNetForSemanticSegmentation(config)
    model = fill(model.to_empty(device="cpu"), scattered=True)
    values = config.to_dict()
    values["backbone_config"] |= LEGACY
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(values | LEGACY))
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return model


SMALL = {"depths": [1, 2, 1, 1], "hidden_sizes": [8, 16, 24, 32]}
MODELS = {
    "published": ({"depths": [3, 3, 27, 3], "hidden_sizes": [96, 192, 384, 768]},
                  {"num_labels": 150, "auxiliary_in_channels": 384}),
    "small": (SMALL, {"hidden_size": 16, "num_labels": 7}),
    "no layer scale": (SMALL | {"layer_scale_init_value": 0.0, "hidden_act": "relu"},
                       {"hidden_size": 12, "num_labels": 3, "use_auxiliary_head": False}),
    "other patches": ({"depths": [2, 1, 1, 1], "hidden_sizes": [8, 8, 24, 16], "patch_size": 2},
                      {"hidden_size": 10, "num_labels": 150, "pool_scales": [1, 4]}),
}


@pytest.mark.parametrize("name", MODELS)
def test_network(tmp_path, name):
    backbone, options = MODELS[name]
    model = make(tmp_path, backbone, **options)
    if name == "published":
        state = model.state_dict()
        assert len(state) == 430
        assert sum(tensor.numel() for tensor in state.values()) == 81_890_009
    generator = torch.Generator().manual_seed(1)
    samples = {f"{height}x{width}": torch.randn((1, 3, height, width), generator=generator)
               for height, width in [(32, 32), (64, 96), (75, 50), (128, 64)]}
    reply = run_annotators(
        [{"op": "network", "network": "upernet", "in": size, "out": size} for size in samples],
        samples, {"upernet": tmp_path})
    assert reply.warnings == []
    for size, sample in samples.items():
        expected = model(sample).logits
        ours = torch.nn.functional.interpolate(torch.from_numpy(reply[size + ".0"]),
                                               sample.shape[2:], mode="bilinear")
        assert expected.std() > 1e-3, size
        assert relative_error(ours, expected) < 1e-4, size


def errors(folder, sample=torch.zeros((1, 3, 64, 64))):
    return run_annotators([{"op": "network", "network": "upernet", "in": "sample", "out": "raw"}],
                          {"sample": sample}, {"upernet": folder}).errors[0]


def test_what_does_not_fit_is_named(tmp_path):
    model = make(tmp_path, SMALL, hidden_size=16, num_labels=7)
    assert errors(tmp_path) is None and errors(tmp_path / "pytorch_model.bin") is None
    assert "the picture is 20x64: allowed are 32 pixels or more per side" in \
        errors(tmp_path, torch.zeros((1, 3, 64, 20)))
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"hidden_size": 20}))
    assert "has shape [16, " in errors(tmp_path) and "expected [20, " in errors(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"attention": "linear"}))
    assert 'config.json: "attention" is unknown and set' in errors(tmp_path)
    config["backbone_config"]["model_type"] = "swin"
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert '"model_type" is "swin": only "convnext" is supported' in errors(tmp_path)
    (tmp_path / "config.json").unlink()
    assert "config.json" in errors(tmp_path)
    assert model is not None


def expected_numbers(logits, width, height):
    interpolate = torch.nn.functional.interpolate
    logits = interpolate(torch.from_numpy(logits), (512, 512), mode="bilinear")
    return interpolate(logits, (height, width), mode="bilinear")[0]


@pytest.mark.parametrize("width, height, classes", [
    (96, 64, 150), (31, 77, 150), (512, 512, 20), (640, 530, 9), (1, 1, 150)])
def test_map(width, height, classes):
    picture = photo(width, height)
    logits = np.random.default_rng(width).normal(0, 1, (1, classes, 128, 128)).astype(np.float32)
    ours, reply = annotate("seg", picture, {}, {"upernet": [[logits]]})

    square = np.asarray(Image.fromarray(picture).resize((512, 512), Image.Resampling.BILINEAR))
    given = (square / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(reply["upernet.seen.0"][0], np.moveaxis(given, 2, 0), atol=1e-6)

    palette = np.array(annotator_oracles.aux("util").ade_palette(), np.uint8)
    likely = expected_numbers(logits, width, height)
    best = likely.topk(2, dim=0).values
    certain = (best[0] - best[1] > 1e-5).numpy()  # else rounding decides
    assert certain.mean() > 0.999
    expected = palette[likely.argmax(0).numpy()]
    np.testing.assert_array_equal(ours[certain], expected[certain])
    assert len(np.unique(ours.reshape(-1, 3), axis=0)) > min(4, width - 1)


def test_more_classes_than_colours():
    logits = np.zeros((1, 151, 8, 8), np.float32)
    reply = run_annotators([{"op": "annotate", "annotator": "seg", "in": "p", "out": "map"}],
                           {"p": photo(8, 8)}, {"upernet": [[logits]]})
    assert "knows 151 classes: there are colours for 150" in reply.errors[0]
