"""Fine-tuned models of the bundled emoji-sd, as output.zip, and a server that hands them out."""
import http.server
import io
import re
import time
import zipfile
from pathlib import Path

import numpy as np
from harness import LocalServer
from safetensors.numpy import load_file, save

EMOJI_SD = Path(__file__).resolve().parents[2] / "weights/emoji-sd/model"
UNET = "unet/diffusion_pytorch_model.safetensors"


def tuned_zip(seed, method=zipfile.ZIP_STORED):
    """As a trainer leaves it: another UNet, the rest byte for byte the base's."""
    tensors = load_file(EMOJI_SD / UNET)
    bias = tensors["conv_out.bias"]
    tensors["conv_out.bias"] = bias + np.random.default_rng(seed).normal(0, 0.1, bias.shape).astype(
        bias.dtype)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for path in sorted(EMOJI_SD.rglob("*")):
            name = path.relative_to(EMOJI_SD).as_posix()
            if path.is_file() and not name.startswith("controlnet-"):
                archive.writestr(name, save(tensors) if name == UNET else path.read_bytes())
    return buffer.getvalue()


class Files(LocalServer):
    """Serves `contents` by path, in ranges, with an ETag; counts the bodies it sent."""

    def __init__(self, contents):
        self.contents = contents
        self.bodies = []  # (path, first byte)
        self.stall_after = None  # bytes of a body, after which nothing more comes
        self.pause_s = 0  # before each body
        files = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                content = files.contents.get(self.path)
                if content is None:
                    self.send_response(404)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                first, last = 0, len(content) - 1
                wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
                if wanted:
                    first = int(wanted[1])
                    last = min(last, int(wanted[2])) if wanted[2] else last
                self.send_response(206 if wanted else 200)
                self.send_header("ETag", f'"{len(content)}-{hash(content)}"')
                self.send_header("Content-Length", str(last - first + 1))
                if wanted:
                    self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
                self.end_headers()
                if last > first:
                    files.bodies.append((self.path, first))
                    time.sleep(files.pause_s)
                body = content[first:last + 1]
                try:
                    if files.stall_after is not None and len(body) > files.stall_after:
                        self.wfile.write(body[:files.stall_after])
                        self.wfile.flush()
                        while files.stall_after is not None:
                            time.sleep(0.05)
                    else:
                        self.wfile.write(body)
                except OSError:  # the client has gone
                    self.close_connection = True

            def log_message(self, *arguments):
                pass

        super().__init__(Handler)

    def downloads(self, path):
        return sum(1 for sent, first in self.bodies if sent == path and first == 0)

    def close(self):
        self.stall_after = None
        super().close()
