"""The networks of annotators against controlnet-aux's, on weights that follow from their names.

Each reads exactly the tensors of the published file: run_network fails for one too many or few.
"""
import functools

import cv2
import numpy as np
import pytest
import torch

from annotator_client import annotate, fill, photo, run_annotators, run_network
from annotator_oracles import aux, original_hed
from probes import relative_error


def renamed(module, rename):
    return {rename(name): tensor for name, tensor in module.state_dict().items()}


def without_branch(name):
    """Published files of OpenPose leave out which branch a layer belongs to."""
    return name.split(".", 1)[1]


def hed():
    module = original_hed()
    return module, renamed(module, lambda name: name.replace("net", "module", 1))


def controlnet_hed():
    module = aux("hed").ControlNetHED_Apache2()
    return module, module.state_dict()


def pidinet():
    module = aux("pidi.model").pidinet()
    return module, {"epoch": 1, "state_dict": renamed(module, lambda name: "module." + name)}


def lineart():
    module = aux("lineart").Generator(3, 1, 3)
    return module, module.state_dict()


def lineart_anime():
    norm = functools.partial(torch.nn.InstanceNorm2d, affine=False, track_running_stats=False)
    module = aux("lineart_anime").UnetGenerator(3, 1, 8, 64, norm_layer=norm)
    return module, renamed(module, lambda name: "module." + name)


def mlsd():
    module = aux("mlsd.models.mbv2_mlsd_large").MobileV2_MLSD_Large()
    return module, module.state_dict()


def openpose_body():
    module = aux("open_pose.model").bodypose_model()
    return module, renamed(module, without_branch)


def openpose_hand():
    module = aux("open_pose.model").handpose_model()
    return module, renamed(module, without_branch)


def openpose_face():
    module = aux("open_pose.face").FaceNet()
    return module, module.state_dict()


# Network, its module and file, [channels, height, width], range of the input.
CASES = [
    ("hed", hed, (3, 50, 37), (0, 1)),
    ("controlnet-hed", controlnet_hed, (3, 33, 70), (0, 255)),
    ("pidinet", pidinet, (3, 45, 62), (0, 1)),
    ("lineart", lineart, (3, 64, 40), (0, 1)),
    ("lineart-coarse", lineart, (3, 31, 45), (0, 1)),
    ("lineart-anime", lineart_anime, (3, 256, 512), (-1, 1)),
    ("mlsd", mlsd, (4, 96, 64), (-1, 1)),
    ("openpose-body", openpose_body, (3, 32, 48), (-0.5, 0.5)),
    ("openpose-hand", openpose_hand, (3, 48, 32), (-0.5, 0.5)),
    ("openpose-face", openpose_face, (3, 40, 40), (-0.5, 0.5)),
]


@pytest.mark.parametrize("name, make, shape, limits", CASES, ids=[case[0] for case in CASES])
def test_network(name, make, shape, limits):
    module, published = make()
    # Instance norms over a few pixels, eight levels deep, want more than a rank of 2.
    fill(module.eval(), scattered=name == "lineart-anime")
    random = np.random.default_rng(3)
    sample = random.uniform(*limits, (1, *shape)).astype(np.float32)
    expected = module(torch.from_numpy(sample))
    if name in ("pidinet", "openpose-face"):
        expected = expected[-1]  # the others are there for training
    expected = [expected] if torch.is_tensor(expected) else list(expected)
    ours = run_network(name, published, sample)
    for one, other in zip(ours, expected, strict=True):
        assert one.shape == other.shape
        assert other.std() > 1e-5, "the weights leave nothing to compare"
        assert relative_error(one, other) < 1e-4


def test_files_that_do_not_fit_are_refused():
    module = aux("lineart").Generator(3, 1, 3)
    state = dict(module.state_dict())
    removed = state.pop("model2.1.conv_block.5.bias")
    sample = {"sample": np.zeros((1, 3, 32, 32))}
    operation = [{"op": "network", "network": "lineart", "in": "sample", "out": "raw"}]
    [error] = run_annotators(operation, sample, {"lineart": state}).errors
    assert 'tensor "model2.1.conv_block.5.bias" is missing (expected shape [256])' in error
    [error] = run_annotators(operation, sample, {
        "lineart": state | {"model2.1.conv_block.5.bias": removed[:7]}}).errors
    assert 'has shape [7], expected [256]' in error
    [error] = run_annotators(operation, {"sample": np.zeros((1, 4, 32, 32))},
                             {"lineart": module.state_dict()}).errors
    assert "the annotator's input" in error and "[1, 4, 32, 32]" in error
    [error] = run_annotators([operation[0] | {"network": "crayon"}], sample,
                             {"crayon": module.state_dict()}).errors
    assert "there is no annotator network 'crayon': there are hed, controlnet-hed" in error


@pytest.mark.parametrize("width, height, levels", [(64, 128, 1), (150, 97, 3)])
def test_a_whole_annotator(width, height, levels):
    """Picture to map, with the network in between.

    Where the picture is resampled, a level between versions of OpenCV is more than one in the map.
    """
    module = fill(aux("lineart").Generator(3, 1, 3).eval())
    picture = photo(width, height)
    expected = aux("lineart").LineartDetector(module, None)(
        picture, detect_resolution=64, image_resolution=64, output_type="np")
    ours, _ = annotate("lineart", picture, {"detect_resolution": 64},
                       {"lineart": module.state_dict()})
    expected = cv2.resize(expected, (width, height), interpolation=cv2.INTER_LINEAR)
    assert np.abs(ours.astype(int) - expected.astype(int)).max() <= levels
    assert ours.std() > 1
