"""Picture files as Pillow reads them."""
import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from picture_client import run_pictures

RANDOM = np.random.default_rng(2)
RGB = RANDOM.integers(0, 256, (23, 37, 3), np.uint8)
RGBA = RANDOM.integers(0, 256, (23, 37, 4), np.uint8)
GREY = RANDOM.integers(0, 256, (23, 37), np.uint8)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(*files):
    return run_pictures([{"op": "decode", "in": data} for data in files])


@pytest.mark.parametrize("kind, options", [
    ("PNG", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
    ("WEBP", {"lossless": True})])
def test_lossless_formats_keep_every_pixel(kind, options):
    arrays = {"PNG": [RGB, RGBA, GREY], "WEBP": [RGB, RGBA], "BMP": [RGB], "TIFF": [RGB, GREY]}
    arrays = arrays[kind]
    for array, result in zip(arrays, decoded(*(
            saved(Image.fromarray(array), kind, exact=True, **options) for array in arrays))):
        np.testing.assert_array_equal(result, array)


def test_tiff_with_alpha():
    """The codec hands out colours times alpha: what remains of them on white is the same."""
    result = decoded(saved(Image.fromarray(RGBA), "TIFF"))[0]
    np.testing.assert_array_equal(result[..., 3], RGBA[..., 3])
    shown = [array[..., :3].astype(int) * array[..., 3:] / 255 for array in (result, RGBA)]
    assert np.abs(shown[0] - shown[1]).max() <= 1


def test_kinds_of_png():
    palette = Image.fromarray(RGB).quantize(32)
    with_alpha = Image.fromarray(RGBA).quantize(32, Image.Quantize.FASTOCTREE)
    deep = RANDOM.integers(0, 65536, (23, 37), np.uint16)
    bits = Image.fromarray(GREY).convert("1")
    ours = decoded(saved(palette, "PNG"), saved(with_alpha, "PNG"), saved(Image.fromarray(deep),
                   "PNG"), saved(bits, "PNG"), saved(Image.fromarray(GREY).convert("LA"), "PNG"),
                   saved(Image.fromarray(RGB), "PNG", interlace=1))
    np.testing.assert_array_equal(ours[0], np.asarray(palette.convert("RGB")))
    np.testing.assert_array_equal(ours[1], np.asarray(with_alpha.convert("RGBA")))
    np.testing.assert_array_equal(ours[2], (deep >> 8).astype(np.uint8))
    np.testing.assert_array_equal(ours[3], np.asarray(bits.convert("L")))
    np.testing.assert_array_equal(ours[4], np.asarray(Image.fromarray(GREY).convert("RGBA")))
    np.testing.assert_array_equal(ours[5], RGB)


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_of_16_bits(channels):
    """Pillow reads them, and writes none: the file is OpenCV's."""
    file = cv2.imencode(".png", RANDOM.integers(0, 65536, (23, 37, channels), np.uint16))[1]
    expected = np.asarray(Image.open(io.BytesIO(file.tobytes())))
    assert expected.shape == (23, 37, channels) and expected.dtype == np.uint8
    np.testing.assert_array_equal(decoded(file.tobytes())[0], expected)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg(mode):
    smooth = Image.fromarray(RGB).convert(mode).resize((64, 48), Image.Resampling.BICUBIC)
    data = [saved(smooth, "JPEG", quality=92, subsampling=0, progressive=progressive)
            for progressive in (False, True)]
    for file, result in zip(data, decoded(*data)):
        expected = np.asarray(Image.open(io.BytesIO(file)))
        assert result.shape == expected.shape
        assert np.abs(result.astype(int) - expected).max() <= 2  # decoders round differently


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_are_turned_upright(kind):
    image = Image.fromarray(RGB)
    files = []
    for orientation in range(1, 9):
        exif = image.getexif()
        exif[274] = orientation
        options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
        files.append(saved(image, kind, exif=exif, **options,
                           **({"lossless": True} if kind == "WEBP" else {})))
    for file, result in zip(files, decoded(*files), strict=True):
        expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(file))))
        assert result.shape == expected.shape
        assert np.abs(result.astype(int) - expected).max() <= (2 if kind == "JPEG" else 0)


def test_what_is_no_picture_is_refused():
    png, jpeg = saved(Image.fromarray(RGB), "PNG"), saved(Image.fromarray(RGB), "JPEG")
    huge = bytearray(png)
    huge[16:24] = (100_000).to_bytes(4, "big") * 2
    messages = decoded(b"", b"hello", png[:20], png[:200], jpeg[:3], jpeg[:30], bytes(huge),
                       saved(Image.fromarray(RGB), "GIF"),
                       saved(Image.fromarray(GREY.astype(np.float32)), "TIFF"))
    assert all("cannot be read: " in message for message in messages), messages
    for message, part in zip(messages, [
            "it is no picture", "it is no picture", "PNG header", "PNG data is damaged",
            "JPEG header", "JPEG header", "100000 x 100000 pixels: at most 64 million are allowed",
            "GIF file, which this dream cannot read: convert it to PNG", "neither 8- nor 16-bit"]):
        assert part in message


def test_damaged_files_do_no_harm():
    """Any byte may be wrong: the answer is a picture or a message."""
    files = []
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF"):
        data = saved(Image.fromarray(RGB), kind)
        for _ in range(40):
            broken = bytearray(data)
            for at in RANDOM.integers(0, min(len(data), 300), 3):
                broken[at] = RANDOM.integers(0, 256)
            files.append(bytes(broken[:RANDOM.integers(1, len(broken) + 1)]))
    assert len(decoded(*files)) == len(files)


def test_encode():
    for array in (RGB, GREY, RGBA):
        png, webp, jpg = run_pictures([{"op": "encode", "in": array, "format": kind}
                                       for kind in ("png", "webp", "jpg")])
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), array)
        assert Image.open(io.BytesIO(webp)).mode == ("RGBA" if array.ndim == 3 and
                                                     array.shape[2] == 4 else "RGB")
        assert Image.open(io.BytesIO(jpg)).mode == ("L" if array.ndim == 2 else "RGB")
    clear = np.zeros((8, 8, 4), np.uint8)
    jpg = run_pictures([{"op": "encode", "in": clear, "format": "jpg"}])[0]
    assert np.asarray(Image.open(io.BytesIO(jpg))).min() > 250, "alpha is dropped on white"
