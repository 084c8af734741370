"""NormalBae against controlnet-aux: the network, and the map."""
import types

import cv2
import numpy as np
import pytest
import torch

import annotator_oracles
from annotator_client import annotate, fill, photo, run_annotators
from probes import relative_error

MISSING = "decoder.out_conv_res2.4.weight"
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


@pytest.fixture(scope="module")
def network():
    module = annotator_oracles.aux("normalbae.nets.NNET")
    with torch.device("meta"):
        network = module.NNET(types.SimpleNamespace(architecture="BN", sampling_ratio=0.4,
                                                    importance_ratio=0.7))
    return fill(network.to_empty(device="cpu"), scattered=True)


def checkpoint(network, leave_out=None):
    """As scannet.pt is: saved while training, from within a wrapper."""
    state = network.state_dict()
    return {"model": {"module." + name: state[name] for name in state if name != leave_out}}


def test_network(network):
    generator = torch.Generator().manual_seed(1)
    samples = {f"{height}x{width}": torch.randn((1, 3, height, width), generator=generator)
               for height, width in [(64, 64), (64, 128), (192, 64), (72, 104)]}
    reply = run_annotators(
        [{"op": "network", "network": "normalbae", "in": name, "out": name} for name in samples] +
        [{"op": "network", "network": "normalbae", "in": "odd", "out": "odd"}],
        samples | {"odd": torch.zeros((1, 3, 64, 50))}, {"normalbae": checkpoint(network)})
    assert reply.errors[:-1] == [None] * len(samples) and reply.warnings == []
    assert "the picture is 50x64: allowed are multiples of 8 pixels" in reply.errors[-1]
    for name, sample in samples.items():
        expected = network(sample)[0][-1]
        assert expected[:, :3].std() > 0.01, name
        assert relative_error(torch.from_numpy(reply.tensors[name + ".0"]), expected) < 1e-4, name


def test_layout(network):
    state = network.state_dict()
    assert len(state) == 936 and sum(tensor.numel() for tensor in state.values()) == 72_602_876
    reply = run_annotators(
        [{"op": "network", "network": "normalbae", "in": "sample", "out": "raw"}],
        {"sample": torch.zeros((1, 3, 64, 64))}, {"normalbae": checkpoint(network, MISSING)})
    assert f'tensor "{MISSING}" is missing (expected shape [128, 128, 1])' in reply.errors[0]


def detect(picture, network):
    """controlnet-aux's map, in its size, and what the network was given."""
    seen = []

    class Watched(torch.nn.Module):
        def forward(self, x):
            seen.append(x)
            return network(x)

        def parameters(self, recurse=True):
            return iter([torch.zeros(1)])

    detector = object.__new__(annotator_oracles.aux("normalbae").NormalBaeDetector)
    detector.model = Watched()
    detector.norm = lambda x: (x - torch.from_numpy(MEAN)[:, None, None]) / \
        torch.from_numpy(DEVIATION)[:, None, None]
    return detector(picture, output_type="np"), seen[0].numpy()


@pytest.mark.parametrize("width, height, seen", [
    (96, 64, (768, 512)), (333, 1000, (512, 1536)), (701, 501, (704, 512)), (9, 9, (512, 512))])
def test_map(width, height, seen):
    picture = photo(width, height)
    random = np.random.default_rng(width)
    normals = random.normal(0, 1, (1, 4, seen[1], seen[0])).astype(np.float32)
    normals[0, :3] /= np.linalg.norm(normals[0, :3], axis=0)
    normals[0, 0, :2] *= 1.5  # beyond what is drawn
    expected, given = detect(picture, lambda x: [[torch.from_numpy(normals)]])
    ours, reply = annotate("normalbae", picture, {}, {"normalbae": [[normals]]})
    np.testing.assert_allclose(reply["normalbae.seen.0"], given, rtol=0, atol=1e-6)
    expected = cv2.resize(expected, (width, height), interpolation=cv2.INTER_LINEAR)
    assert np.abs(ours.astype(int) - expected).max() <= 1


def test_draws_with_the_network(network):
    picture, settings = photo(100, 60), {"detect_resolution": 64}
    ours, _ = annotate("normalbae", picture, settings, {"normalbae": checkpoint(network)})
    scaled = cv2.resize(picture, (128, 64), interpolation=cv2.INTER_LANCZOS4)
    given = ((scaled / np.float32(255)) - MEAN) / DEVIATION
    normals = network(torch.from_numpy(np.moveaxis(given, 2, 0)[None].copy()))[0][-1][0, :3]
    expected = (((normals + 1) * 0.5).clip(0, 1) * 255).permute(1, 2, 0).numpy().astype(np.uint8)
    expected = cv2.resize(expected, (100, 60), interpolation=cv2.INTER_LINEAR)
    assert expected.std() > 5 and np.abs(ours.astype(int) - expected).max() <= 1
