"""Sizes and channels of pictures against Pillow, bit for bit."""
import numpy as np
import pytest
from PIL import Image

from picture_client import run_pictures
from summary import record

FILTERS = [Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC,
           Image.Resampling.LANCZOS]  # numbered as dream_filter
SIDES = [1, 2, 3, 7, 16, 31, 64, 100, 129, 257]


def random_picture(random, channels, width, height):
    shape = (height, width) if channels == 1 else (height, width, channels)
    if random.random() < 0.5:
        return random.integers(0, 256, shape, np.uint8)
    # Hard edges, where filters overshoot.
    return random.choice(np.array([0, 1, 254, 255], np.uint8), shape)


def cases(count, channels, seed):
    random = np.random.default_rng(seed)
    sides = lambda: random.choice(SIDES, 2).tolist()  # noqa: E731
    return [(random_picture(random, channels, *sides()), sides()) for _ in range(count)]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("number", range(4), ids=["nearest", "bilinear", "bicubic", "lanczos"])
def test_resize(number, channels):
    pictures = cases(67, channels, seed=10 * channels + number)
    ours = run_pictures([{"op": "resize", "in": picture, "to": size, "filter": number}
                         for picture, size in pictures])
    for (picture, size), result in zip(pictures, ours, strict=True):
        expected = np.asarray(Image.fromarray(picture).resize(size, FILTERS[number]))
        np.testing.assert_array_equal(result, expected, f"{picture.shape} to {size}")
        record("Pillow's resampling", FILTERS[number].name.lower(), 0, unit="pictures")


def test_large_and_lopsided_sizes():
    random = np.random.default_rng(3)
    shapes = [((1024, 768), (512, 512)), ((333, 2000), (1999, 7)), ((4000, 3), (5, 3001)),
              ((511, 1023), (1025, 513))]
    for number, resampling in enumerate(FILTERS):
        pictures = [(random_picture(random, 3, *source), list(to)) for source, to in shapes]
        ours = run_pictures([{"op": "resize", "in": picture, "to": to, "filter": number}
                             for picture, to in pictures])
        for (picture, to), result in zip(pictures, ours, strict=True):
            expected = np.asarray(Image.fromarray(picture).resize(to, resampling))
            np.testing.assert_array_equal(result, expected, f"{picture.shape} to {to} {resampling}")
            record("Pillow's resampling", resampling.name.lower(), 0, unit="pictures")


def test_convert():
    """Grey is Pillow's convert("L"); dropped alpha is its alpha_composite on white."""
    random = np.random.default_rng(5)
    rgb = random.integers(0, 256, (256, 256, 3), np.uint8)
    rgba = random.integers(0, 256, (256, 256, 4), np.uint8)
    grey = random.integers(0, 256, (64, 64), np.uint8)
    white = Image.new("RGBA", (256, 256), "white")
    on_white = Image.alpha_composite(white, Image.fromarray(rgba)).convert("RGB")
    expected = [
        (rgb, 1, Image.fromarray(rgb).convert("L")), (rgb, 4, Image.fromarray(rgb).convert("RGBA")),
        (grey, 3, Image.fromarray(grey).convert("RGB")),
        (grey, 4, Image.fromarray(grey).convert("RGBA")), (rgba, 3, on_white),
        (rgba, 1, on_white.convert("L")), (rgba, 4, Image.fromarray(rgba))]
    ours = run_pictures([{"op": "convert", "in": picture, "channels": channels}
                         for picture, channels, _ in expected])
    for (picture, channels, reference), result in zip(expected, ours, strict=True):
        np.testing.assert_array_equal(result, np.asarray(reference),
                                      f"{picture.shape} to {channels}")
    assert "allowed are 1, 3, 4" in run_pictures([{"op": "convert", "in": rgb, "channels": 2}])[0]
