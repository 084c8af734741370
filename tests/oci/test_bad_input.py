"""What cannot be built or pushed: said at once, by name, and nothing is left behind."""
import json
import os
import shutil
import stat
import zipfile

import pytest

from images import Layout, write_folder


def run_build(dream, base, weights, output="./out", **options):
    return dream("build", "--template", options.pop("template", f"{base}:base"), "--weights",
                 weights, "-o", output, *options.pop("arguments", ()))


def zip_of(path, *entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def link_entry(name, target):
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return entry, target


def bad_weights():
    bomb = bytes(80 << 20)
    yield "missing", lambda p: p / "missing", "there is no such file or folder"
    yield "a text", lambda p: write_folder(p, {"x.txt": b"x"}) / "x.txt", "neither a folder nor"
    yield "empty folder", lambda p: write_folder(p / "e", {}).mkdir() or p / "e", "holds no files"
    yield "hidden alone", lambda p: write_folder(p / "h", {".x": b"x"}), "holds no files"
    yield "empty zip", lambda p: zip_of(p / "z.zip"), "holds no files"
    yield "parent", lambda p: zip_of(p / "z.zip", ("../../etc/passwd", b"x")), "../../etc/passwd"
    yield "absolute", lambda p: zip_of(p / "z.zip", ("/etc/passwd", b"x")), "not a plain path"
    yield "inner parent", lambda p: zip_of(p / "z.zip", ("a/../../b", b"x")), "not a plain path"
    yield "backslash", lambda p: zip_of(p / "z.zip", ("a\\..\\b", b"x")), "backslash"
    yield "whiteout", lambda p: zip_of(p / "z.zip", ("unet/.wh.config", b"")), "a deletion"
    yield "opaque", lambda p: zip_of(p / "z.zip", (".wh..wh..opq", b"")), "a deletion"
    yield "link", lambda p: zip_of(p / "z.zip", link_entry("a", "/etc/passwd")), "special file"
    yield "file and folder", lambda p: zip_of(p / "z.zip", ("a", b""), ("a/b", b"")), "a folder"
    yield "bomb", lambda p: zip_of(p / "z.zip", ("a", bomb)), "more than is allowed"
    yield "many small bombs", lambda p: zip_of(p / "z.zip", *(
        (f"{i}", bytes(40 << 20)) for i in range(3))), "would unpack to"


def cut(path):
    data = zip_of(path, ("a", os.urandom(1000))).read_bytes()
    path.write_bytes(data[:700])
    return path


def damaged(path):
    data = bytearray(zip_of(path, ("a", os.urandom(100_000))).read_bytes())
    data[50_000] ^= 1
    path.write_bytes(data)
    return path


CASES = [*bad_weights(),
         ("cut zip", lambda p: cut(p / "z.zip"), "no end record"),
         ("damaged zip", lambda p: damaged(p / "z.zip"), "z.zip: zip entry 'a'")]


@pytest.mark.parametrize("name,make,reason", CASES, ids=[case[0] for case in CASES])
def test_weights(dream, base, tmp_path, name, make, reason):
    done = run_build(dream, base, make(tmp_path))
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("dream: ") and reason in last
    assert not (tmp_path / "out/index.json").exists()
    assert not (tmp_path / "escaped").exists()


NAMES = [
    ("template", "", "is no path of a layout"),
    ("template", "missing", "there is no such folder"),
    ("template", "weights", "is no OCI image layout"),
    ("template", "{base}:none", "holds no image :none"),
    ("template", "localhost:1/UPPER:x", "is no name of an image"),
    ("template", "localhost:1/a@sha256:12", "64 lower-case hexadecimal digits"),
    ("template", "docker://name", "is no name of an image"),
    ("output", "weights", "is no OCI image layout"),
    ("output", "weights/args.json", "is no folder"),
    ("output", "./out:bad tag", "is no tag"),
    ("output", "localhost:1/a", "under a tag"),
    ("output", "localhost:1/a@sha256:" + "0" * 64, "under a tag"),
    ("output", "./out@sha256:" + "0" * 64, "give a tag"),
    ("--platform", "amd64", "is no platform"),
    ("--annotation", "novalue", "expected KEY=VALUE"),
    ("--managed-weights", "My Weights", "is no name for managed weights"),
    ("--compression", "bzip2", "bzip2"),
    ("--chunk-size", "5", "--chunk-size"),
    ("--ca", "missing.pem", "missing.pem"),
    ("--username", "me", "belong together"),
]


@pytest.mark.parametrize("what,value,reason", NAMES, ids=[f"{n[0]} {n[1]}"[:40] for n in NAMES])
def test_names_and_flags(dream, base, weights, tmp_path, what, value, reason):
    value = value.format(base=base)
    options = {what: value} if not what.startswith("-") else {"arguments": (what, value)}
    done = run_build(dream, base, weights, **options)
    assert done.returncode == 2, done.stderr
    assert reason in done.stderr
    assert not (tmp_path / "out/index.json").exists()


def edited(layout, edit):
    """A base whose manifest or config went through `edit(manifest, config)`."""
    manifest, config = layout.manifest("base"), layout.config("base")
    result = edit(manifest, config)
    if result is not None:
        return result
    entry = layout.add(config, media_type=manifest["config"].get("mediaType", ""))
    if "digest" in manifest["config"]:
        manifest["config"] |= {"digest": entry["digest"], "size": entry["size"]}
    return json.dumps(manifest).encode()


BASES = [
    ("no JSON", lambda m, c: b"<html>", "is no JSON"),
    ("a list", lambda m, c: b"[]", "is no JSON object"),
    ("schema 1", lambda m, c: b'{"schemaVersion": 1}', "schema 1"),
    ("deep", lambda m, c: b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "deeper than 64"),
    ("no layers", lambda m, c: m.pop("layers") and None, 'has no "layers"'),
    ("no config", lambda m, c: json.dumps({**m, "config": None}).encode(), 'has no "config"'),
    ("a path as digest", lambda m, c: m["layers"][0].update(digest="sha256:../../x"),
     "expected sha256:"),
    ("another algorithm", lambda m, c: m["layers"][0].update(digest="sha512:" + "0" * 128),
     "expected sha256:"),
    ("negative size", lambda m, c: m["layers"][0].update(size=-1), '"size" must be'),
    ("an artifact", lambda m, c: m["config"].update(mediaType="application/x.helm"),
     "is an artifact of type application/x.helm"),
    ("fewer diff_ids", lambda m, c: c["rootfs"]["diff_ids"].pop() and None, 'but 1 "diff_ids"'),
    ("no rootfs", lambda m, c: c.pop("rootfs") and None, 'has no "rootfs"'),
    ("history of nonsense", lambda m, c: c.update(history=5), '"history" must be a list'),
    ("labels of nonsense", lambda m, c: c["config"].update(Labels=[]), '"Labels" must be'),
    ("a missing layer", lambda m, c: m["layers"][0].update(digest="sha256:" + "0" * 64),
     "is missing or of another size"),
]


@pytest.mark.parametrize("name,edit,reason", BASES, ids=[case[0] for case in BASES])
def test_bases(dream, base, weights, tmp_path, name, edit, reason):
    shutil.copytree(base, tmp_path / "base")
    layout = Layout(tmp_path / "base")
    layout.add(edited(layout, edit), tag="bad")
    done = run_build(dream, base, weights, template=f"{layout.path}:bad")
    assert done.returncode == 2, done.stderr
    assert reason in done.stderr
    assert not (tmp_path / "out/index.json").exists()


def test_damaged_layouts_are_not_pushed(dream, built, registry, repository):
    layout = Layout(built[0])
    layer = layout.manifest("mine")["layers"][0]["digest"].replace(":", "/")
    path = layout.path / "blobs" / layer
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(data)
    done = dream("push", f"{layout.path}:mine", f"{registry.name}/{repository}:x")
    assert done.returncode == 2 and "is missing or damaged" in done.stderr
    path.unlink()
    path.symlink_to("/etc/passwd")
    done = dream("push", f"{layout.path}:mine", f"{registry.name}/{repository}:x")
    assert done.returncode == 2 and "is missing or damaged" in done.stderr


@pytest.mark.parametrize("arguments,reason", [
    (("{image}", "localhost:1/a:b"), None),
    (("{image}:none", "localhost:1/a:b"), "holds no image :none; there is mine"),
    (("missing", "localhost:1/a:b"), "there is no such folder"),
    (("{image}:mine", "name"), "is no name of an image"),
    (("{image}:mine", "./folder"), "is no name of an image"),
    (("{image}:mine", "localhost:1/a@sha256:" + "0" * 64), "give a tag instead of a digest"),
    (("{image}:mine",), "destination"),
])
def test_pushes(dream, built, arguments, reason):
    done = dream("push", *(a.format(image=built[0]) for a in arguments), "--tries", 1)
    assert done.returncode == (2 if reason else 1), done.stderr
    assert (reason or "failed 1 times in a row") in done.stderr


def test_template_in_no_registry(dream, base, weights, registry):
    done = run_build(dream, base, weights, template=f"{registry.name}/no/such:thing")
    assert done.returncode == 2 and "there is no such image" in done.stderr
