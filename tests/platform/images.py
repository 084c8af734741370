"""Container images made by hand, and a registry for them: independent of the code under test."""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
import zipfile

from harness import free_port, wait_until
import urllib.request


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def put(folder, data):
    path = folder / "blobs/sha256" / digest(data).removeprefix("sha256:")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return {"digest": digest(data), "size": len(data)}


EMPTY_SCHEMA = {"openapi": "3.0.2", "info": {"title": "Cog", "version": "0.1.0"}, "paths": {}}


def make_template(folder, schema=EMPTY_SCHEMA):
    """An OCI layout with one layer, and the labels that Cog writes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("src/predict.py")
        content = b"# the template\n"
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    plain = buffer.getvalue()
    layer = put(folder, gzip.compress(plain, mtime=0))
    config = put(folder, json.dumps({
        "architecture": "amd64", "os": "linux", "created": "2023-04-01T00:00:00Z",
        "config": {"WorkingDir": "/src", "Cmd": ["python", "-m", "cog.server.http"],
                   "Labels": {"run.cog.version": "0.7.0", "run.cog.config": "{}",
                              "run.cog.openapi_schema": json.dumps(schema)}},
        "rootfs": {"type": "layers", "diff_ids": [digest(plain)]},
        "history": [{"created": "2023-04-01T00:00:00Z", "created_by": "COPY . /src"}],
    }).encode())
    image = "application/vnd.oci.image."
    manifest = put(folder, json.dumps({
        "schemaVersion": 2, "mediaType": image + "manifest.v1+json",
        "config": {"mediaType": image + "config.v1+json", **config},
        "layers": [{"mediaType": image + "layer.v1.tar+gzip", **layer}]}).encode())
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({
        "schemaVersion": 2, "manifests": [{
            "mediaType": image + "manifest.v1+json", **manifest,
            "annotations": {"org.opencontainers.image.ref.name": "latest"}}]}))
    return f"oci:{folder}:latest"


def make_weights(seed="weights"):
    """An output.zip of a tiny model; equal for equal seeds."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in (("model_index.json", "{}"), ("unet/weights.bin", seed * 100)):
            archive.writestr(zipfile.ZipInfo(name, (2023, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


PIXEL = (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx"
         b"\x9cc\xf8\xff\xff?\0\x05\xfe\x02\xfe\r\xefF\xb8\0\0\0\0IEND\xaeB`\x82")


def make_pictures(count=5, names="photo-{}.png"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(count):
            archive.writestr(names.format(i), PIXEL)
    return buffer.getvalue()


class Registry:
    """Debian's docker-registry on loopback."""

    def __init__(self, folder, port=None):
        self.port = port or free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.folder = folder / "registry"
        config = folder / "registry.yml"
        config.write_text(f"version: 0.1\nlog: {{level: warn}}\n"
                          f"storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}\n"
                          f"http: {{addr: '{self.host}'}}\n")
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=self.log,
                                        stderr=self.log)
        wait_until(self.answers, 30, "the registry")

    def answers(self):
        try:
            return urllib.request.urlopen(f"http://{self.host}/v2/", timeout=5).status == 200
        except OSError:
            return False

    def inspect(self, image):
        """What skopeo says of an image in it: raw manifest bytes and the config."""
        reference = f"docker://{image}"
        raw = subprocess.run(["skopeo", "inspect", "--tls-verify=false", "--raw", reference],
                             capture_output=True, check=True).stdout
        config = subprocess.run(["skopeo", "inspect", "--tls-verify=false", "--config", reference],
                                capture_output=True, check=True).stdout
        return raw, json.loads(config)

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
