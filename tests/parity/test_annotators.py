"""Control maps without a network against cv2, bit for bit."""
import cv2
import numpy as np
import pytest

from picture_client import run_pictures


def random_rgb(random):
    width, height = random.integers(1, 200, 2)
    noise = random.integers(0, 256, (height, width, 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), random.uniform(0.5, 4))
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX) if random.random() < 0.8 else noise


def test_canny():
    random = np.random.default_rng(1)
    pictures = [random_rgb(random) for _ in range(60)]
    thresholds = [(100, 200)] * 20 + random.integers(0, 1021, (40, 2)).tolist()
    settings = [{}] * 20 + [{"low_threshold": low, "high_threshold": high}
                            for low, high in thresholds[20:]]
    ours = run_pictures([{"op": "canny", "in": picture, "settings": setting}
                         for picture, setting in zip(pictures, settings)])
    edges = 0
    for picture, (low, high), result in zip(pictures, thresholds, ours, strict=True):
        expected = cv2.Canny(picture, low, high)
        np.testing.assert_array_equal(result, np.dstack([expected] * 3), f"{picture.shape}")
        edges += expected.any()
    assert edges > 20


@pytest.mark.parametrize("settings, message", [
    ({"low_threshold": 1021}, "low_threshold is 1021: allowed are 0 to 1020"),
    ({"high_threshold": "much"}, 'high_threshold is "much": allowed are 0 to 1020'),
    ({"treshold": 1}, "there is no option 'treshold': allowed are low_threshold, high_threshold"),
    ([1], "[1] is not a JSON object of options")])
def test_bad_settings_are_named(settings, message):
    picture = np.zeros((4, 4, 3), np.uint8)
    assert message in run_pictures([{"op": "canny", "in": picture, "settings": settings}])[0]
