"""`tools/build-image`: the image of a template, judged by umoci and skopeo, and run in a chroot
with weights and without."""
import base64
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile

import pytest
from PIL import Image

from conftest import BUILD, DREAM, ROOT
from container import Container
from images import Layout, tool, unpack
from registries import free_port

sys.path.insert(0, str(ROOT / "tools/build_image"))
from files import Files  # noqa: E402
from layout import Layout as ImageLayout  # noqa: E402

INPUT = {"prompt": "a fox on a blue background", "seed": 7, "num_inference_steps": 2}
WEIGHTS = BUILD / "share/dream/weights/emoji-sd"


def build_image(*arguments, **options):
    return subprocess.run([ROOT / "tools/build-image", *map(str, arguments)], text=True,
                          capture_output=True, timeout=300, **options)


@pytest.fixture(scope="module")
def layout(shared):
    """Tag `vanilla` is the template's image, `mine` the same with weights: (path, version id)."""
    path = shared / "images"
    done = build_image("vanilla", "--build-dir", BUILD, "--compression", "none", "--variant", "cpu",
                       "-o", f"{path}:vanilla")
    assert done.returncode == 0, done.stderr
    tool(DREAM, "build", "--template", f"{path}:vanilla", "--weights", WEIGHTS, "-o",
         f"{path}:mine")
    return path, done.stdout.strip()


@pytest.fixture(scope="module")
def root(layout, shared):
    """The root file system with weights, as umoci unpacks it."""
    return unpack(layout[0], "mine", shared / "mine")


@pytest.fixture(scope="module")
def bare_root(root, shared):
    """The same without its weights: what the template's own image holds."""
    return shutil.copytree(
        root, shared / "bare", symlinks=True, copy_function=os.link,
        ignore=lambda folder, names: ["weights"] if folder == f"{root}/src" else [])


@pytest.fixture
def container(layout, tmp_path):
    def run(root, **options):
        config = Layout(layout[0]).config("mine")["config"]
        return Container(root, config, tmp_path / "log", **options)
    return run


def test_an_image_with_weights_predicts_with_them(container, root, tmp_path):
    inputs = [part for name, value in INPUT.items() for part in ("-i", f"{name}={value}")]
    tool(DREAM, "predict", "vanilla", "--weights", WEIGHTS, "-o", tmp_path / "out", *inputs)
    picture = (tmp_path / "out/seed-7.png").read_bytes()
    with container(root, port=free_port()) as server:
        server.wait_ready()
        status, answer = server.call("/predictions", {"input": INPUT}, host="127.0.0.2")
        assert status == 200 and answer["status"] == "succeeded", answer
        assert pixels(base64.b64decode(answer["output"][0].split(",")[1])) == pixels(picture)
        server.terminate()  # it is PID 1: without a handler of its own it would not hear it
        assert server.wait() == 0
    assert json.loads(server.log().splitlines()[0]), "Cog's servers log JSON"


def pixels(png):
    """Without the text in it, which names the weights' folder."""
    return Image.open(io.BytesIO(png)).tobytes()


def test_the_command_serves_all_interfaces_at_port_5000(container, bare_root):
    with container(bare_root, own_network=True) as server:
        assert server.wait_until(server.listeners, "listening") == [f"00000000:{5000:04X}"]


def test_without_weights_it_is_a_template(container, bare_root):
    cog_serve = ["python", "--check-hash-based-pycs", "never", "-m", "cog.server.http",
                 "--await-explicit-shutdown", "true"]
    with container(bare_root, port=free_port(), arguments=cog_serve) as server:
        server.wait_ready()
        status, answer = server.call("/predictions", {"input": INPUT})
        assert (status, answer["status"]) == (200, "failed")
        assert answer["error"] == "This is a template, not a real model - add weights"
        server.terminate()
        assert server.health() == "READY", "--await-explicit-shutdown"
        server.call("/shutdown", {})
        assert server.wait() == 0


def test_the_labels_are_those_of_a_cog_image(layout, container, bare_root):
    path, version = layout
    seen = json.loads(tool("skopeo", "inspect", f"oci:{path}:vanilla"))
    assert seen["Digest"] == f"sha256:{version}" and seen["Os"] == "linux"
    labels = seen["Labels"]
    assert json.loads(labels["run.cog.config"])["build"] == {"gpu": False}
    schema = json.loads(labels["run.cog.openapi_schema"])
    assert json.loads((bare_root / "src/.cog/openapi_schema.json").read_text()) == schema
    with container(bare_root, port=free_port()) as server:
        server.wait_ready()
        assert server.call("/openapi.json")[1] == schema
        assert server.call("/")[1]["cog_version"] == labels["run.cog.version"]


def test_other_commands_run_too(container, bare_root):
    with container(bare_root, arguments=["dream", "templates"]) as server:
        assert server.output().split()[0] == "vanilla"
    with container(bare_root, arguments=["python", "-c", "print(1)"]) as server:
        server.output()
    assert "there is no other python on PATH" in server.log()


def test_a_folder_holds_what_the_layers_do(bare_root, tmp_path):
    done = build_image("vanilla", "--build-dir", BUILD, "--rootfs", tmp_path / "rootfs")
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "rootfs") == tree(bare_root)


def tree(root):
    """{path: (kind and permissions, target or size)}, but for what servers left in /tmp."""
    found = {}
    for path in sorted(path for path in root.rglob("*") if path.parent != root / "tmp"
                       and root / "tmp" not in path.parent.parents):
        status = path.lstat()
        what = (os.readlink(path) if path.is_symlink() else
                status.st_size if path.is_file() else None)
        found[str(path.relative_to(root))] = (status.st_mode, what)
    return found


def test_scanners_find_the_packages(bare_root):
    status = {path.name: path.read_text() for path in
              (bare_root / "var/lib/dpkg/status.d").iterdir()}
    assert {"libc6", "libcurl4", "libssl3", "ca-certificates", "dash"} <= set(status)
    for name, text in status.items():
        assert f"Package: {name}\n" in text and "\nVersion: " in text
        assert (bare_root / "usr/share/doc" / name / "copyright").is_file()
    assert (bare_root / "etc/os-release").read_text().count("VERSION_ID=")
    trusted = (bare_root / "etc/ssl/certs/ca-certificates.crt").read_text()
    assert trusted.count("BEGIN CERTIFICATE") > 50


def contents(layout, tag, prefix=""):
    """What begins with `prefix` in the layers of an image, without it."""
    names = set()
    for layer in Layout(layout).manifest(tag)["layers"]:
        with tarfile.open(layout / "blobs" / layer["digest"].replace(":", "/")) as archive:
            names |= {name.removeprefix(prefix) for name in archive.getnames()
                      if name.startswith(prefix)}
    return names


def compile_library(path, *needs):
    subprocess.run(["gcc", "-shared", "-x", "c", "-o", path, "/dev/null",
                    f"-Wl,-soname,{path.name}", "-Wl,--no-as-needed",
                    *(f"-L{need.parent}" for need in needs),
                    *(f"-l:{need.name}" for need in needs)], check=True)
    return path


@pytest.fixture
def prefix(tmp_path):
    """Like an installed one, without libtorch: an image of it is made in no time."""
    folder = tmp_path / "prefix"
    for name in ("bin", "lib/dream", "libexec"):
        (folder / name).mkdir(parents=True)
    for name in ("bin/dream", "bin/dream-worker", "lib/dream/templates", "libexec/dream"):
        (folder / name).symlink_to(BUILD / name)
    compile_library(folder / "lib/dream/libdream_engine.so")
    return folder


def test_equal_builds_give_equal_images(prefix, tmp_path):
    versions = set()
    for zone in ("UTC", "Asia/Tokyo"):
        done = build_image("vanilla", "--prefix", prefix, "--compression", "none", "-o",
                           tmp_path / zone[:3], env=os.environ | {"TZ": zone})
        versions.add(done.stdout.strip())
        assert list(Layout(tmp_path / zone[:3]).tags()) == ["latest"], done.stderr
        os.utime(prefix / "lib/dream/libdream_engine.so", (1, 1))
    assert len(versions) == 1


class SmallImage:
    """What tools/build_image/layout.py needs of an image."""
    created, architecture = 0, "amd64"

    def layers(self):
        files = Files("a test")
        files.text("etc/" + "long" * 40, "größe\n" * 50_000)
        files.link("etc/link", "long")
        files.folder("tmp", 0o1777)
        return [files]

    def config(self):
        return {"Cmd": ["x"]}

    def created_text(self):
        return "1970-01-01T00:00:00Z"


def test_compressed_layers(tmp_path):
    for name in ("a:first", "b", "a:second"):
        ImageLayout.named(f"{tmp_path}/{name}").write_image(SmallImage(), "gzip")
    assert Layout(tmp_path / "a").tags() == {
        name: Layout(tmp_path / "b").tags()["latest"] for name in ("first", "second")}
    root = unpack(tmp_path / "a", "second", tmp_path / "bundle")  # compares every digest
    assert (root / "etc" / ("long" * 40)).read_text() == "größe\n" * 50_000
    assert os.readlink(root / "etc/link") == "long" and (root / "tmp").stat().st_mode == 0o41777
    tool("skopeo", "copy", f"oci:{tmp_path}/a:first", f"dir:{tmp_path}/d")


def test_an_image_of_several_templates(prefix, tmp_path):
    done = build_image("--all", "--prefix", prefix, "--compression", "none", "-o",
                       tmp_path / "all:1")
    assert done.returncode == 0, done.stderr
    config = Layout(tmp_path / "all").config("1")["config"]
    names = next(item for item in config["Env"] if item.startswith("DREAM_TEMPLATES="))
    assert names.startswith("DREAM_TEMPLATES=vanilla controlnet-canny controlnet-depth ")
    found = contents(tmp_path / "all", "1", "usr/local/lib/dream/templates/")
    assert {f"{name}.so" for name in names.split("=")[1].split()} == found and len(found) > 10


@pytest.mark.parametrize("arguments, message", [
    (["vanila", "-o", "x"], "there is no template 'vanila'; built are: controlnet-canny, "),
    (["vanilla", "vanilla", "-o", "x"], "a template is named twice"),
    (["vanilla", "-o", "x:a/b"], "-o x:a/b: expected LAYOUT or LAYOUT:TAG"),
    (["vanilla", "-o", "other"], "other holds other files, and nothing is overwritten"),
    (["vanilla", "--rootfs", "other"], "--rootfs other: exists and is not empty"),
    (["vanilla", "--variant", "cuda", "-o", "x"], "is a cpu build"),
    (["vanilla", "--all", "-o", "x"], "give templates or --all, not both"),
    (["vanilla"], "one of the arguments -o/--output --rootfs is required"),
])
def test_what_cannot_be_is_said(prefix, tmp_path, arguments, message):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_text("mine")
    done = build_image(*arguments, "--prefix", prefix, cwd=tmp_path)
    assert done.returncode != 0 and message in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x").exists() and os.listdir(tmp_path / "other") == ["file"]


def add_cuda(prefix, driver):
    """Libraries named and linked as those of a CUDA libtorch; the driver's is on no machine."""
    missing = prefix.parent / "driver"
    missing.mkdir()
    libcuda = compile_library(missing / driver)
    cublas = compile_library(prefix / "lib/dream/libcublas.so.12")
    compile_library(prefix / "lib/dream/libtorch_cuda.so", cublas, libcuda)


def test_a_cuda_libtorch_makes_a_cuda_image(prefix, tmp_path):
    """What can be known without a device: it expects the driver from outside, and nothing else."""
    add_cuda(prefix, "libcuda.so.1")
    done = build_image("vanilla", "--prefix", prefix, "--variant", "cuda", "--compression", "none",
                       "-o", tmp_path / "image")
    assert done.returncode == 0, done.stderr
    config = Layout(tmp_path / "image").config("latest")["config"]
    assert "NVIDIA_VISIBLE_DEVICES=all" in config["Env"]
    assert "LD_LIBRARY_PATH=/usr/local/lib/dream" in config["Env"]
    assert json.loads(config["Labels"]["run.cog.config"])["build"] == {"gpu": True}
    assert contents(tmp_path / "image", "latest", "usr/local/lib/dream/lib") == {
        "cublas.so.12", "torch_cuda.so", "dream_engine.so"}
    assert not [path for path in contents(tmp_path / "image", "latest") if "libcuda.so" in path]


def test_a_library_that_is_missing_is_named(prefix, tmp_path):
    add_cuda(prefix, "libcudnn.so.9")
    done = build_image("vanilla", "--prefix", prefix, "-o", tmp_path / "image")
    assert done.returncode == 1 and "needs libcudnn.so.9, which is not on this" in done.stderr
    shutil.copy(BUILD / "lib/dream/libdream_engine.so", prefix / "lib/dream")
    (prefix / "lib/dream/libtorch_cuda.so").unlink()
    done = build_image("vanilla", "--prefix", prefix, "-o", tmp_path / "image")
    assert done.returncode == 1 and "is needed, and neither installed in" in done.stderr


def test_the_dockerfile_makes_the_same_image(layout):
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    last = text[text.rindex("\nFROM scratch"):].replace("$TEMPLATES", "vanilla")
    instructions = dict(line.split(" ", 1) for line in last.splitlines()
                        if re.match("ENV|LABEL|WORKDIR|EXPOSE|CMD", line))
    config = Layout(layout[0]).config("vanilla")["config"]
    assert shlex.split(instructions["ENV"]) == config["Env"]
    labels = dict(item.split("=", 1) for item in shlex.split(instructions["LABEL"]))
    assert labels == {name: config["Labels"][name] for name in labels} and len(labels) == 2
    assert instructions["WORKDIR"] == config["WorkingDir"]
    assert [f"{instructions['EXPOSE']}/tcp"] == list(config["ExposedPorts"])
    assert json.loads(instructions["CMD"]) == config["Cmd"]
