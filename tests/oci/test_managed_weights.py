"""Cog's managed weights (specs/draft-weights.md): the artifact beside the image."""
import gzip
import hashlib
import io
import json
import os
import tarfile

from images import WEIGHTS, Layout, sha256, tool, unpack

LARGE = 70 << 20


def set_digest(files):
    lines = "\n".join(f"{digest}  {path}" for path, digest in sorted(files.items()))
    return "sha256:" + sha256(lines.encode())


def test_files_lie_in_layers_of_their_own(build, tmp_path):
    (tmp_path / "weights/unet/large.bin").write_bytes(b"")
    os.truncate(tmp_path / "weights/unet/large.bin", LARGE)
    zeros = hashlib.sha256(bytes(LARGE)).hexdigest()
    version = build("./image:mine", "--managed-weights", "my-model")
    layout = Layout(tmp_path / "image")
    assert layout.tags()["mine"] == "sha256:" + version
    index = layout.manifest("mine")
    image, weights = index["manifests"]
    assert weights["artifactType"] == "application/vnd.cog.weight.v1"
    assert weights["platform"] == {"os": "unknown", "architecture": "unknown"}
    assert image["platform"]["architecture"]

    files = {path: sha256(data) for path, data in WEIGHTS.items()} | {"unet/large.bin": zeros}
    manifest = layout.json(weights["digest"])
    config = layout.json(manifest["config"]["digest"])
    assert config["setDigest"] == set_digest(files)
    assert manifest["annotations"] == {
        "run.cog.weight.name": "my-model", "run.cog.weight.target": "/src/weights",
        "run.cog.weight.set-digest": set_digest(files)}
    assert weights["annotations"]["run.cog.weight.size.uncompressed"] == str(
        LARGE + sum(map(len, WEIGHTS.values())))
    assert [f["path"] for f in config["files"]] == sorted(files, key=str.encode)
    assert {f["path"]: f["digest"] for f in config["files"]} == {
        path: "sha256:" + digest for path, digest in files.items()}

    assert [layer["mediaType"].rpartition(".")[2] for layer in manifest["layers"]] == [
        "tar+gzip", "tar"]
    for layer in manifest["layers"]:
        data = layout.blob(layer["digest"])
        data = gzip.decompress(data) if "gzip" in layer["mediaType"] else data
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            inside = {m.name: m.size for m in archive if m.isfile()}
        assert set(inside) == {f["path"] for f in config["files"]
                               if f["layer"] == layer["digest"]}
        assert layer["annotations"] == {
            "run.cog.weight.size.uncompressed": str(sum(inside.values()))}


def test_the_image_waits_for_them(build, tmp_path, registry, repository):
    version = build("./image:mine", "--managed-weights", "my-model")
    layout = Layout(tmp_path / "image")
    image = layout.manifest("mine")["manifests"][0]
    layout.add(layout.blob(image["digest"]), tag="alone")
    root = unpack(tmp_path / "image", "alone", tmp_path / "bundle")
    assert json.loads((root / ".cog/weights.json").read_text()) == {"weights": [
        {"name": "my-model", "target": "/src/weights",
         "setDigest": set_digest({path: sha256(data) for path, data in WEIGHTS.items()})}]}
    assert not (root / "src/weights").exists()
    pushed = f"{registry.name}/{repository}:mine"
    assert build(pushed, "--managed-weights", "my-model") == version
    # skopeo of this age writes indexes anew, without artifact types: what lies there is compared.
    for manifest in (version, *(entry["digest"].removeprefix("sha256:")
                                for entry in layout.manifest("mine")["manifests"])):
        raw = tool("skopeo", "inspect", "--raw", "--tls-verify=false",
                   f"docker://{registry.name}/{repository}@sha256:{manifest}")
        assert sha256(raw.encode()) == manifest
    tool("skopeo", "copy", "--src-tls-verify=false",
         f"docker://{registry.name}/{repository}@{image['digest']}", f"oci:{tmp_path}/pulled:x")
