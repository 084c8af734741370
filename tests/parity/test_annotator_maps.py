"""What stands around the networks of annotators against controlnet-aux and cv2.

The oracle's detectors run with a network that answers with maps made for it; so do ours. What
networks are given is compared too.
"""
import cv2
import numpy as np
import pytest
from PIL import Image

from annotator_client import annotate, photo
from annotator_oracles import Answering, aux, original

# Width, height, detect_resolution: as it is, odd, portrait, landscape, tiny, large.
SIZES = [(128, 64, 64), (101, 67, 64), (70, 230, 64), (333, 96, 128), (5, 3, 64), (1500, 1100, 256)]


def looked_at(width, height, resolution):
    """Height and width of what the network sees."""
    picture = aux("util").resize_image(np.zeros((height, width, 3), np.uint8), resolution)
    return picture.shape[:2]


def smooth_map(height, width, seed, low=0.0, high=1.0):
    noise = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 2)
    scaled = (blurred - blurred.min()) / (np.ptp(blurred) + 1e-9)
    return (low + (high - low) * scaled).astype(np.float32)[None, None]


def fitted(map_, picture):
    """The oracle's map at the size that ours has."""
    height, width = picture.shape[:2]
    return cv2.resize(map_, (width, height), interpolation=cv2.INTER_LINEAR)


def check(network, ours, reply, picture, expected, answering, outliers=0.0):
    """Within one level but for a share of pixels, and the same input to the network."""
    asked = answering.asked[0]
    seen = reply[f"{network}.seen.0"]
    assert seen.shape == asked.shape
    # Lanczos differs by a level between versions of OpenCV.
    assert np.abs(seen - asked).max() <= 1.01 * np.ptp(asked) / 255
    apart = np.abs(ours.astype(int) - fitted(expected, picture).astype(int)) > 1
    assert apart.mean() <= outliers
    assert ours.std() > 1


@pytest.mark.parametrize("width, height, resolution", SIZES)
@pytest.mark.parametrize("scribble", [False, True])
def test_hed(width, height, resolution, scribble):
    picture = photo(width, height, 1)
    map_ = smooth_map(*looked_at(width, height, resolution), 2)
    answering = Answering([map_])
    expected = original("hed").HEDdetector(answering)(
        picture, resolution, resolution, return_pil=False, scribble=scribble)
    ours, reply = annotate("hed", picture, {"detect_resolution": resolution, "scribble": scribble},
                           {"hed": [[map_]]})
    check("hed", ours, reply, picture, expected, answering, 0.002 if scribble else 0)


@pytest.mark.parametrize("width, height, resolution", SIZES)
@pytest.mark.parametrize("options", [{}, {"safe": True}, {"scribble": True}])
def test_controlnet_hed(width, height, resolution, options):
    picture = photo(width, height, 3)
    full = looked_at(width, height, resolution)
    maps = [smooth_map(full[0] >> i, full[1] >> i, 4 + i, -9, 7) for i in range(5)]
    answering = Answering(maps)
    expected = aux("hed").HEDdetector(answering)(
        picture, detect_resolution=resolution, image_resolution=resolution, output_type="np",
        **options)
    ours, reply = annotate("hed", picture,
                           {"network": "controlnet-hed", "detect_resolution": resolution} | options,
                           {"controlnet-hed": [maps]})
    check("controlnet-hed", ours, reply, picture, expected, answering,
          0.002 if options else 0)


@pytest.mark.parametrize("width, height, resolution", SIZES)
@pytest.mark.parametrize("options", [{}, {"safe": True}, {"scribble": True},
                                     {"apply_filter": True}])
def test_pidinet(width, height, resolution, options):
    picture = photo(width, height, 5)
    map_ = smooth_map(*looked_at(width, height, resolution), 6)
    answering = Answering([map_, map_])  # the oracle takes the last
    expected = aux("pidi").PidiNetDetector(answering)(
        picture, detect_resolution=resolution, image_resolution=resolution, output_type="np",
        **options)
    ours, reply = annotate("pidinet", picture, {"detect_resolution": resolution} | options,
                           {"pidinet": [[map_]]})
    check("pidinet", ours, reply, picture, expected, answering, 0.002 if options else 0)


@pytest.mark.parametrize("width, height, resolution", SIZES)
def test_sketch_is_black_and_white(width, height, resolution):
    """Before it is resized: what T2I-Adapters for sketches saw."""
    picture = photo(width, height, 5)
    map_ = smooth_map(*looked_at(width, height, resolution), 6)
    settings = {"detect_resolution": resolution}
    ours, _ = annotate("sketch", picture, settings, {"pidinet": [[map_]]})
    filtered, _ = annotate("pidinet", picture, settings | {"apply_filter": True},
                           {"pidinet": [[map_]]})
    assert (ours == filtered).all() and ours.any() and not ours.all()


@pytest.mark.parametrize("method", ["hed", "pidinet"])
def test_scribble_is_the_strokes_of_edges(method):
    picture, map_ = photo(192, 128, 7), smooth_map(128, 192, 8)
    ours, _ = annotate("scribble", picture, {"method": method, "detect_resolution": 128},
                       {method: [[map_]]})
    edges, _ = annotate(method, picture, {"scribble": True, "detect_resolution": 128},
                        {method: [[map_]]})
    np.testing.assert_array_equal(ours, edges)
    assert set(np.unique(ours)) == {0, 255}


def test_scribble_takes_drawings():
    drawing = np.full((40, 61, 3), 250, np.uint8)
    cv2.line(drawing, (3, 5), (50, 30), (20, 60, 90), 2, cv2.LINE_AA)
    ours, _ = annotate("scribble", drawing)
    strokes = np.where(drawing.min(2, keepdims=True) < 127, 255, 0).repeat(3, 2)
    np.testing.assert_array_equal(ours, strokes)
    fewer, _ = annotate("scribble", drawing, {"threshold": 30})
    assert 0 < (fewer == 255).sum() < (ours == 255).sum()
    white_on_black = 255 - drawing
    np.testing.assert_array_equal(annotate("scribble", white_on_black)[0], white_on_black)


@pytest.mark.parametrize("width, height, resolution", SIZES)
@pytest.mark.parametrize("coarse", [False, True])
def test_lineart(width, height, resolution, coarse):
    picture = photo(width, height, 9)
    map_ = smooth_map(*looked_at(width, height, resolution), 10, -0.2, 1.3)
    unused, answering = Answering(), Answering([map_])
    detector = aux("lineart").LineartDetector(*((unused, answering) if coarse else
                                                (answering, unused)))
    expected = detector(picture, coarse=coarse, detect_resolution=resolution,
                        image_resolution=resolution, output_type="np")
    network = "lineart-coarse" if coarse else "lineart"
    ours, reply = annotate("lineart", picture,
                           {"coarse": coarse, "detect_resolution": resolution},
                           {network: [[map_]]})
    check(network, ours, reply, picture, expected, answering)


@pytest.mark.parametrize("width, height, resolution", SIZES)
def test_lineart_anime(width, height, resolution):
    picture = photo(width, height, 12)
    full = [-(-side // 256) * 256 for side in looked_at(width, height, resolution)]
    map_ = smooth_map(*full, 10, -1.2, 1.2)
    answering = Answering([map_])
    expected = aux("lineart_anime").LineartAnimeDetector(answering)(
        picture, detect_resolution=resolution, image_resolution=resolution, output_type="np")
    ours, reply = annotate("lineart-anime", picture, {"detect_resolution": resolution},
                           {"lineart-anime": [[map_]]})
    check("lineart-anime", ours, reply, picture, expected, answering)


@pytest.mark.parametrize("width, height, resolution", SIZES)
@pytest.mark.parametrize("thresholds", [{}, {"thr_v": 0.45, "thr_d": 12}])
def test_mlsd(width, height, resolution, thresholds):
    picture = photo(width, height, 11)
    full = looked_at(width, height, resolution)
    random = np.random.default_rng(12)
    map_ = random.uniform(-30, 30, (1, 9, full[0] // 2, full[1] // 2))
    map_[0, 0] = smooth_map(full[0] // 2, full[1] // 2, 13, -5, 2)
    answering = Answering([map_])
    expected = aux("mlsd").MLSDdetector(answering)(
        picture, detect_resolution=resolution, image_resolution=resolution, output_type="np",
        **{"thr_v": 0.1, "thr_d": 0.1} | thresholds)
    ours, reply = annotate("mlsd", picture, {"detect_resolution": resolution} | thresholds,
                           {"mlsd": [[map_]]})
    check("mlsd", ours, reply, picture, expected, answering)


def test_mlsd_without_lines_is_black():
    map_ = np.full((1, 9, 32, 32), -20.0)
    ours, _ = annotate("mlsd", photo(64, 64), {"detect_resolution": 64}, {"mlsd": [[map_]]})
    assert not ours.any()


@pytest.mark.parametrize("width, height", [(200, 131), (63, 300), (1, 1), (640, 512)])
def test_color(width, height):
    picture = photo(width, height, 14)
    small = cv2.resize(picture, (max(1, width // 64), max(1, height // 64)),
                       interpolation=cv2.INTER_CUBIC)
    expected = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    ours, _ = annotate("color", picture)
    assert np.abs(ours.astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize("rate", [1, 2, 3.5, 8])
def test_tile(rate):
    picture = photo(150, 97, 15)
    ours, _ = annotate("tile", picture, {"down_sampling_rate": rate})
    if rate == 1:
        np.testing.assert_array_equal(ours, picture)
        return
    small = cv2.resize(picture, (int(150 / rate), int(97 / rate)), interpolation=cv2.INTER_AREA)
    expected = np.array(Image.fromarray(small).resize((150, 97), Image.LANCZOS))
    assert np.abs(ours.astype(int) - expected.astype(int)).max() <= 1


def test_a_thread_of_a_picture_is_refused():
    with pytest.raises(AssertionError, match="a picture of 3 x 3000 pixels is too long"):
        annotate("lineart", np.zeros((3000, 3, 3), np.uint8), networks={"lineart": [[]]})
