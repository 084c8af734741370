"""Archives of pictures to train with: good ones, and the ways in which people get them wrong."""
import base64
import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image, ImageDraw


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def robot(seed, size=(160, 128)):
    """A subject that no model of the tests has seen: eyes and a mouth on a block."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(int(c) for c in random.integers(160, 256, 3)))
    draw = ImageDraw.Draw(image)
    x, y = (int(c) for c in random.integers(10, 40, 2))
    draw.rectangle((x, y, x + 80, y + 70), fill=(40, 60, 90))
    for eye in (x + 15, x + 50):
        draw.ellipse((eye, y + 15, eye + 14, y + 29), fill=(250, 220, 40))
    draw.rectangle((x + 20, y + 45, x + 60, y + 52), fill=(200, 40, 40))
    return image


def archive(members, method=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as written:
        for name, content in members.items():
            # Without the time of day: the same pictures are the same archive.
            written.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def robots(count=3):
    return archive({f"robot-{i}.png": encoded(robot(i)) for i in range(count)})


def data_url(content):
    return "data:application/zip;base64," + base64.b64encode(content).decode()


def opened(url):
    """The archive in a data URL."""
    return zipfile.ZipFile(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def sixteen_bit_png():
    rows = b"".join(b"\0" + struct.pack(">64H", *((y * 500 + x * 900) % 65536 for x in range(64)))
                    for y in range(64))

    def chunk(kind, body):
        return (struct.pack(">I", len(body)) + kind + body
                + struct.pack(">I", zlib.crc32(kind + body)))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 16, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def unusual_pictures():
    """By name: what a training takes although it is not plain 8-bit RGB."""
    frames = [robot(i) for i in range(3)]
    turned = Image.Exif()
    turned[274] = 6
    return {
        "16-bit.png": sixteen_bit_png(),
        "cmyk.jpg": encoded(robot(1).convert("CMYK"), "JPEG"),
        "palette.png": encoded(robot(2).convert("P")),
        "grey.png": encoded(robot(3).convert("L")),
        "grey-alpha.png": encoded(robot(3).convert("LA")),
        "transparent.png": encoded(robot(4).convert("RGBA")),
        "bits.png": encoded(robot(5).convert("1")),
        "turned.jpg": encoded(robot(6), "JPEG", exif=turned),
        "moving.png": encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]),
        "tiff.tif": encoded(robot(7), "TIFF"),
        "bitmap.bmp": encoded(robot(8), "BMP"),
        "web.webp": encoded(robot(9), "WEBP"),
        "tiny.png": encoded(robot(10).resize((5, 3))),
    }
