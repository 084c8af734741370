"""`dream build`: what umoci and skopeo make of its images."""
import json
import os
import shutil
import signal
import subprocess
import time
import zipfile

import pytest

from conftest import DREAM
from images import (LABELS, WEIGHTS, Layout, check_weights, sha256, tool, unpack, write_folder,
                    write_zip)


def test_the_image_is_the_template_with_its_weights(build, base, tmp_path):
    version = build(f"{tmp_path}/image:mine")
    root = unpack(tmp_path / "image", "mine", tmp_path / "bundle")
    check_weights(root)
    plain = unpack(base, "base", tmp_path / "plain")
    for name in ("app.txt", "lib.txt"):
        assert (root / "src" / name).read_bytes() == (plain / "src" / name).read_bytes()
    ours, theirs = Layout(tmp_path / "image"), Layout(base)
    assert ours.tags()["mine"] == "sha256:" + version, "the version id is the manifest's digest"
    manifest, before = ours.manifest("mine"), theirs.manifest("base")
    assert manifest["layers"][:-1] == before["layers"]
    assert manifest["layers"][-1]["mediaType"] == "application/vnd.oci.image.layer.v1.tar"
    assert manifest["annotations"] == {"org.opencontainers.image.base.digest":
                                       theirs.tags()["base"]}
    config, old = ours.config("mine"), theirs.config("base")
    assert config["config"] == old["config"] and config["config"]["Labels"] == LABELS
    assert config["rootfs"]["diff_ids"] == [*old["rootfs"]["diff_ids"],
                                            manifest["layers"][-1]["digest"]]
    assert config["history"] == [*old["history"], {"created": old["created"],
                                                   "created_by": "COPY weights /src/weights"}]
    stat = json.loads(tool("umoci", "stat", "--json", "--image", f"{tmp_path}/image:mine"))
    layers = [h for h in stat["history"] if not h.get("empty_layer")]
    assert len(layers) == len(manifest["layers"]), "each layer has its line of history"
    seen = json.loads(tool("skopeo", "inspect", f"oci:{tmp_path}/image:mine"))
    assert seen["Labels"] == LABELS and seen["Digest"] == "sha256:" + version
    assert not list((tmp_path / "image").glob(".*")), "no work is left"


@pytest.mark.parametrize("kind", ["none", "gzip", "zstd"])
def test_equal_weights_give_equal_images(build, base, tmp_path, kind):
    archive = write_zip(tmp_path / "output.zip")
    stored = write_zip(tmp_path / "stored.zip", compression=zipfile.ZIP_STORED)
    nested = write_zip(tmp_path / "nested.zip", {f"out/{k}": v for k, v in WEIGHTS.items()})
    (tmp_path / "weights/.cache").mkdir()
    (tmp_path / "weights/.cache/junk").write_text("not part of a model")
    os.utime(tmp_path / "weights/args.json", (1, 1))
    os.chmod(tmp_path / "weights/args.json", 0o600)
    versions = {build(f"./{source.name}-image", "--compression", kind, weights=source)
                for source in (tmp_path / "weights", archive, stored, nested)}
    tool("skopeo", "copy", f"oci:{base}:base", f"oci:{tmp_path}/copy:other")
    versions.add(build("./again", "--compression", kind, template=f"{tmp_path}/copy:other"))
    assert len(versions) == 1
    (tmp_path / "weights/args.json").write_bytes(b"{}")
    assert build("./again", "--compression", kind) not in versions


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_compressed_layers_unpack_to_their_diff_id(build, tmp_path, kind):
    build("./image:mine", "--compression", kind)
    layout = Layout(tmp_path / "image")
    layer = layout.manifest("mine")["layers"][-1]
    assert layer["mediaType"] == f"application/vnd.oci.image.layer.v1.tar+{kind}"
    tool("skopeo", "copy", "--dest-decompress", f"oci:{tmp_path}/image:mine", f"dir:{tmp_path}/d")
    unpacked = {sha256(path.read_bytes()) for path in (tmp_path / "d").iterdir()}
    diff_id = layout.config("mine")["rootfs"]["diff_ids"][-1]
    assert diff_id.removeprefix("sha256:") in unpacked
    if kind == "gzip":  # umoci knows no zstd
        check_weights(unpack(tmp_path / "image", "mine", tmp_path / "bundle"))


def docker_template(base, registry, repository):
    template = f"{registry.name}/{repository}:template"
    tool("skopeo", "copy", "--dest-tls-verify=false", "--format", "v2s2", f"oci:{base}:base",
         f"docker://{template}")
    return template


def types_of(manifest):
    return [manifest["mediaType"], manifest["config"]["mediaType"],
            *(layer["mediaType"] for layer in manifest["layers"])]


@pytest.mark.parametrize("kind", ["none", "gzip", "zstd"])
def test_dockers_images_become_oci_images(build, base, registry, repository, tmp_path, kind):
    template = docker_template(base, registry, repository)
    version = build("./image:mine", "--compression", kind, template=template)
    layout = Layout(tmp_path / "image")
    assert all("vnd.oci" in one for one in types_of(layout.manifest("mine")))
    if kind != "zstd":
        check_weights(unpack(tmp_path / "image", "mine", tmp_path / "bundle"))
    tool("skopeo", "copy", f"oci:{tmp_path}/image:mine", f"dir:{tmp_path}/copied")
    assert build(f"{registry.name}/{repository}:built", "--compression", kind,
                 template=template) == version


@pytest.mark.parametrize("kind,stays", [("none", True), ("gzip", True), ("zstd", False)])
def test_dockers_images_keep_their_form_on_request(build, base, registry, repository, tmp_path,
                                                   kind, stays):
    template = docker_template(base, registry, repository)
    pushed = f"{registry.name}/{repository}:built"
    version = build(pushed, "--keep-docker", "--compression", kind, template=template)
    seen = json.loads(tool("skopeo", "inspect", "--tls-verify=false", f"docker://{pushed}"))
    assert seen["Digest"] == "sha256:" + version
    raw = json.loads(tool("skopeo", "inspect", "--raw", "--tls-verify=false",
                          f"docker://{pushed}"))
    family = "vnd.docker" if stays else "vnd.oci"
    assert all(family in one for one in types_of(raw)), types_of(raw)
    if stays:
        tool("skopeo", "copy", "--src-tls-verify=false", f"docker://{pushed}",
             f"oci:{tmp_path}/pulled:x")
        check_weights(unpack(tmp_path / "pulled", "x", tmp_path / "bundle"))


def test_the_platform_is_chosen_from_an_index(build, base, dream, weights, tmp_path):
    tool("cp", "-r", base, tmp_path / "many")
    layout = Layout(tmp_path / "many")
    amd = layout.manifest("base")
    arm = json.loads(json.dumps(amd))
    arm["annotations"] = {"arm": "yes"}
    entries = [
        layout.add({"any": 1}, platform={"os": "unknown", "architecture": "unknown"}),
        layout.add(arm, platform={"os": "linux", "architecture": "arm64", "variant": "v8"}),
        layout.add(amd, platform={"os": "linux", "architecture": "amd64"})]
    inner = layout.add({"schemaVersion": 2, "manifests": entries},
                       media_type="application/vnd.oci.image.index.v1+json")
    layout.add({"schemaVersion": 2, "manifests": [inner]}, tag="index",
               media_type="application/vnd.oci.image.index.v1+json")
    build("./amd", template=f"{layout.path}:index")
    build("./arm", "--platform", "linux/arm64", template=f"{layout.path}:index")
    assert "arm" not in Layout(tmp_path / "amd").manifest("latest")["annotations"]
    assert Layout(tmp_path / "arm").manifest("latest")["annotations"]["arm"] == "yes"
    done = dream("build", "--template", f"{layout.path}:index", "--weights", weights, "-o",
                 "./no", "--platform", "linux/s390x")
    assert done.returncode == 2
    assert "no image for linux/s390x; there is unknown/unknown, linux/arm64/v8, linux/amd64" in (
        done.stderr)


def test_annotations_and_the_json_result(build, tmp_path):
    plain = build("./image:a")
    result = json.loads(build("./image:b", "--annotation", "org.example.note=a=b", "--json"))
    manifest = Layout(tmp_path / "image").manifest("b")
    assert manifest["annotations"]["org.example.note"] == "a=b"
    assert result["version"] != plain and result["labels"] == LABELS
    assert result["weights"] == {"files": len(WEIGHTS),
                                 "bytes": sum(map(len, WEIGHTS.values()))}
    assert result["layer"]["digest"] == manifest["layers"][-1]["digest"]
    assert set(Layout(tmp_path / "image").tags()) == {"a", "b"}, "others of the layout stay"


def test_what_is_left_out_or_odd_is_told(dream, base, tmp_path):
    write_folder(tmp_path / "w", {"a.bin": b"x", ".gitattributes": b"x", "__MACOSX/x": b""})
    tool("umoci", "config", "--image", f"{base}:base", "--tag", "bare", "--clear=config.labels")
    done = dream("build", "--template", f"{base}:bare", "--weights", "w", "-o", "./image")
    assert done.returncode == 0, done.stderr
    assert "left out of the weights: .gitattributes, __MACOSX" in done.stderr
    assert "no model_index.json at its root" in done.stderr
    assert "has no labels of Cog" in done.stderr
    done = dream("build", "--template", "./image", "--weights", "w", "-o", "./image:twice")
    assert "has weights already" in done.stderr


def test_the_bundled_model_comes_through(dream, base, tmp_path):
    emoji = DREAM.parents[1] / "share/dream/weights/emoji-sd"
    done = dream("build", "--template", f"{base}:base", "--weights", emoji, "-o", "./image")
    assert done.returncode == 0, done.stderr
    root = unpack(tmp_path / "image", "latest", tmp_path / "bundle")
    done = dream("weights", "verify", root / "src/weights")
    assert done.returncode == 0, done.stdout


def peak_memory(*command, **options):
    running = subprocess.Popen([DREAM, *map(str, command)], stderr=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(running.pid, 0)
    assert status == 0
    return usage.ru_maxrss * 1024


def test_memory_does_not_grow_with_the_weights(base, weights, environment, registry, repository,
                                               tmp_path):
    """Blobs are streamed, on their way to disk and to a registry."""
    (weights / "large.bin").write_bytes(b"")
    os.truncate(weights / "large.bin", 400 << 20)
    options = {"cwd": tmp_path, "env": environment, "stdout": subprocess.DEVNULL}
    arguments = ("--template", f"{base}:base", "--weights", weights)
    assert peak_memory("build", *arguments, "-o", "./image", **options) < 100 << 20
    assert peak_memory("push", "./image", f"{registry.name}/{repository}:x", **options) < 100 << 20
    shutil.rmtree(tmp_path / "image")
    (weights / "large.bin").unlink()
    assert peak_memory("build", "--template", f"{registry.name}/{repository}:x", "--weights",
                       weights, "-o", "./image", **options) < 100 << 20


def test_ctrl_c_leaves_the_layout_as_it_was(build, base, dream, environment, tmp_path):
    build("./image:mine")
    before = (tmp_path / "image/index.json").read_bytes()
    (tmp_path / "weights/large.bin").write_bytes(b"x")
    os.truncate(tmp_path / "weights/large.bin", 6 << 30)  # sparse: seconds of hashing
    running = subprocess.Popen([DREAM, "build", "--template", f"{base}:base", "--weights",
                                "weights", "-o", "./image:mine", "--compression", "gzip"],
                               cwd=tmp_path, env=environment, stdout=subprocess.PIPE)
    time.sleep(0.7)
    second = dream("build", "--template", f"{base}:base", "--weights", "weights", "-o", "./image")
    assert second.returncode == 1 and "another process is writing to it" in second.stderr
    running.send_signal(signal.SIGINT)
    assert running.wait(20) == 130
    assert (tmp_path / "image/index.json").read_bytes() == before
    os.remove(tmp_path / "weights/large.bin")
    build("./image:mine")
    assert not (tmp_path / "image/.dream").exists(), "what was cut is cleared away"
