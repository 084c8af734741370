"""MiDaS against controlnet-aux and timm: the network, and the maps of depth and normals."""
import cv2
import numpy as np
import pytest
import torch

import annotator_oracles
from annotator_client import annotate, fill, photo, run_annotators
from probes import relative_error

LAST_BIAS = "scratch.output_conv.4.bias"
MISSING = "pretrained.model.blocks.3.attn.proj.weight"


@pytest.fixture(scope="module")
def network():
    """The published network, 123 million weights, in formulas."""
    midas = annotator_oracles.aux("midas.midas.dpt_depth")
    with torch.device("meta"):
        network = midas.DPTDepthModel(backbone="vitb_rn50_384", non_negative=True)
    network = fill(network.to_empty(device="cpu"), scattered=True)
    for name, tensor in network.state_dict().items():
        if name.endswith(".norm3.weight"):
            # The end of a residual branch: at full strength, a random network makes much of a
            # rounding error, in fp32 2e-4 of its own result in fp64. Trained ones do not.
            tensor.mul_(0.25)
    network.state_dict()[LAST_BIAS].fill_(0.5)  # the last ReLU lets something through
    return network


def test_network(network):
    """Tiny and larger, wide and high; the file is read without a remainder."""
    generator = torch.Generator().manual_seed(1)
    samples = {f"{height}x{width}": torch.rand((1, 3, height, width), generator=generator) * 2 - 1
               for height, width in [(32, 32), (64, 96), (160, 64), (192, 256)]}
    reply = run_annotators(
        [{"op": "network", "network": "midas", "in": name, "out": name} for name in samples] +
        [{"op": "network", "network": "midas", "in": "odd", "out": "odd"}],
        samples | {"odd": torch.zeros((1, 3, 64, 80))}, {"midas": network.state_dict()})
    assert reply.errors[:-1] == [None] * len(samples) and reply.warnings == []
    assert "the picture is 80x64: allowed are multiples of 32 pixels" in reply.errors[-1]
    for name, sample in samples.items():
        expected = network(sample)
        assert expected.std() > 0.01 * expected.mean(), (name, expected.std(), expected.mean())
        assert relative_error(torch.from_numpy(reply.tensors[name + ".0"]), expected) < 1e-4, name


def test_layout(network):
    state = network.state_dict()
    assert len(state) == 368 and sum(tensor.numel() for tensor in state.values()) == 123_146_985
    state = {name: tensor for name, tensor in state.items() if name != MISSING}
    reply = run_annotators([{"op": "network", "network": "midas", "in": "sample", "out": "raw"}],
                           {"sample": torch.zeros((1, 3, 32, 32))}, {"midas": state})
    assert f'tensor "{MISSING}" is missing (expected shape [768, 768])' in reply.errors[0]


class Stub(torch.nn.Module):
    """Answers with a map of its own and notes what it was given."""

    def __init__(self, depth):
        super().__init__()
        self.depth, self.seen = torch.nn.Parameter(torch.from_numpy(depth)), None

    def forward(self, x):
        self.seen = x
        return self.depth.detach()[None]


def hills(width, height, seed):
    random = np.random.default_rng(seed)
    noise = random.uniform(0, 4000, (height, width)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 5)


def detect(picture, depth, **options):
    """controlnet-aux's maps of depth and normals, in its size, and what the network was given."""
    stub = Stub(depth)
    detector = annotator_oracles.aux("midas").MidasDetector(stub)
    return *detector(picture, depth_and_normal=True, **options), stub.seen.numpy()


@pytest.mark.parametrize("width, height, seen", [
    (96, 64, (1024 - 256, 512)), (333, 1000, (512, 1536)), (701, 501, (704, 512)),
    (16, 16, (512, 512))])
def test_maps(width, height, seen):
    picture, depth = photo(width, height), hills(*seen, seed=width)
    expected_depth, expected_normal, expected_seen = detect(picture, depth, bg_th=0.3)
    settings = {"detect_resolution": 512}
    for annotator, expected in [("depth", expected_depth), ("normal", expected_normal)]:
        if annotator == "normal":
            settings["background_threshold"] = 0.3
        ours, reply = annotate(annotator, picture, settings, {"midas": [[depth[None]]]})
        np.testing.assert_allclose(reply["midas.seen.0"], expected_seen, rtol=0, atol=1e-6)
        assert expected.shape[:2] == depth.shape and expected.std() > 5
        expected = cv2.resize(expected, (width, height), interpolation=cv2.INTER_LINEAR)
        assert np.abs(ours.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("width, height, seen", [
    (96, 64, (96, 64)), (100, 81, (96, 96)), (1, 1, (32, 32)), (2500, 300, (1024, 128))])
def test_own_size(width, height, seen):
    """Without a resolution the picture is seen as it is, as far as the network allows it."""
    picture, depth = photo(width, height), hills(*seen, seed=1)
    ours, reply = annotate("depth", picture, {}, {"midas": [[depth[None]]]})
    given = reply["midas.seen.0"]
    assert given.shape == (1, 3, *seen[::-1])
    if seen == (width, height):
        np.testing.assert_array_equal(given[0], np.moveaxis(picture / np.float32(127.5), 2, 0) - 1)
    unit = (depth - depth.min()) / (depth.max() - depth.min())
    expected = cv2.resize((unit * 255).astype(np.uint8), (width, height))
    assert np.abs(ours.astype(int) - expected[..., None]).max() <= 1


def test_flat_depth_is_black_and_faces_the_viewer():
    flat = np.full((1, 64, 64), 7, np.float32)
    depth, _ = annotate("depth", photo(64, 64), {}, {"midas": [[flat]]})
    normal, _ = annotate("normal", photo(64, 64), {}, {"midas": [[flat]]})
    assert (depth == 0).all() and (normal == [255, 127, 127]).all()


def test_draws_with_the_network(network):
    picture = photo(90, 70)
    ours, _ = annotate("depth", picture, {}, {"midas": network.state_dict()})
    scaled = cv2.resize(picture, (96, 64), interpolation=cv2.INTER_AREA)
    depth = network(torch.from_numpy(np.moveaxis(scaled, 2, 0)[None] / np.float32(127.5) - 1))[0]
    unit = (depth - depth.min()) / (depth.max() - depth.min())
    expected = cv2.resize((unit.numpy() * 255).astype(np.uint8), (90, 70))
    assert np.abs(ours.astype(int) - expected[..., None]).max() <= 1
