"""Base images and weights for tests, made by umoci and skopeo; and what those say of results."""
import hashlib
import json
import random
import subprocess
import zipfile
from pathlib import Path

LABELS = {"run.cog.version": "0.9.4", "run.cog.config": json.dumps({"predict": "predict.py:P"}),
          "run.cog.openapi_schema": json.dumps({"openapi": "3.0.2", "info": {"title": "Cog"}})}


def tool(*command, **options):
    """Runs umoci, skopeo, …; their words are in the failure."""
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True,
                          timeout=120, **options)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def make_base(folder, tag="base"):
    """A layout with a small template: two layers, an environment, Cog's labels."""
    layout = folder / "template"
    image = f"{layout}:{tag}"
    tool("umoci", "init", "--layout", layout)
    tool("umoci", "new", "--image", image)
    for name, size in (("app", 3000), ("lib", 200_000)):
        source = folder / f"{name}.txt"
        source.write_bytes(random.Random(name).randbytes(size))
        tool("umoci", "insert", "--rootless", "--image", image, source, f"/src/{name}.txt")
    labels = [part for item in LABELS.items()
              for part in ("--config.label", "=".join(item))]
    tool("umoci", "config", "--image", image, "--config.env", "R8_COG_VERSION=0.9.4",
         "--config.workingdir", "/src", "--config.entrypoint", "/usr/bin/tini",
         "--config.cmd", "serve", "--created", "2023-03-04T05:06:07Z", *labels)
    return layout


WEIGHTS = {
    "model_index.json": b'{"_class_name": "StableDiffusionPipeline"}',
    "args.json": b'{"instance_prompt": "photo of cjw person"}',
    "unet/config.json": b"{}\n" * 1000,
    "unet/diffusion_pytorch_model.bin": random.Random(3).randbytes(300_000),
    "vae/" + "long-" * 30 + "name.bin": b"a name that ustar has no room for",
    "vae/größe-文字.txt": "utf-8".encode(),
    "vae/empty": b"",
}


def write_folder(path, files=WEIGHTS):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def write_zip(path, files=WEIGHTS, compression=zipfile.ZIP_DEFLATED):
    """In another order than a folder's, with folders as entries too."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("unet/", b"")
        for name in sorted(files, reverse=True):
            archive.writestr(name, files[name])
    return path


def unpack(layout, tag, folder):
    """By umoci, which compares every digest; returns the root file system."""
    tool("umoci", "unpack", "--rootless", "--image", f"{layout}:{tag}", folder)
    return folder / "rootfs"


def check_weights(root, files=WEIGHTS):
    found = {str(path.relative_to(root / "src/weights")): path.read_bytes()
             for path in (root / "src/weights").rglob("*") if path.is_file()}
    assert found == files
    for path in (root / "src/weights").rglob("*"):
        assert path.stat().st_mtime == 0
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


class Layout:
    """Reads a layout, sceptically: whatever is read must be what its digest says."""

    def __init__(self, path):
        self.path = Path(path)

    def blob(self, digest):
        data = (self.path / "blobs" / digest.replace(":", "/")).read_bytes()
        assert "sha256:" + sha256(data) == digest
        return data

    def json(self, digest):
        return json.loads(self.blob(digest))

    def tags(self):
        index = json.loads((self.path / "index.json").read_text())
        return {entry["annotations"]["org.opencontainers.image.ref.name"]: entry["digest"]
                for entry in index["manifests"]}

    def manifest(self, tag):
        return self.json(self.tags()[tag])

    def config(self, tag):
        return self.json(self.manifest(tag)["config"]["digest"])

    def add(self, document, tag=None, media_type="application/vnd.oci.image.manifest.v1+json",
            **more):
        """Puts bytes or a document in; with a tag into index.json."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = sha256(data)
        (self.path / "blobs/sha256" / digest).write_bytes(data)
        entry = {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)} | more
        if tag:
            index = json.loads((self.path / "index.json").read_text())
            index["manifests"].append(
                entry | {"annotations": {"org.opencontainers.image.ref.name": tag}})
            (self.path / "index.json").write_text(json.dumps(index))
        return entry
