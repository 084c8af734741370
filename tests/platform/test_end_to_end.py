"""From an archive of pictures to a picture of the new version, all on this machine: train, build,
push to a real registry, a signed webhook, and `replicate.run` with the official client."""

import io
import json
import subprocess
import time
import urllib.request
import zipfile

from harness import BUILD, ROOT, wait_until
from PIL import Image
from report import add_to_report

from images import Registry, digest, make_template
from places import OWNER, TOKEN, Deliveries, schema_of
from platforms import WEBHOOK_SECRET, Platform
from signatures import problem_of
from trainer import Trainer

MODEL = ROOT / "weights/emoji-sd/model"
RUN = """
import json, sys, replicate
told = json.loads(sys.argv[1])
client = replicate.Client(api_token=told["token"], base_url=told["base"])
output = client.run(told["version"], input=told["input"])
print(json.dumps([str(picture) for picture in output]))
"""


def trained_weights():
    """What a trainer gives that began with emoji-sd."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(MODEL.rglob("*")):
            if path.is_file() and "controlnet" not in str(path):
                archive.write(path, path.relative_to(MODEL))
    return buffer.getvalue()


def photos(count=10):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i in range(count):
            picture = io.BytesIO()
            Image.linear_gradient("L").rotate(36 * i).convert("RGB").save(picture, "JPEG")
            archive.writestr(f"photo-{i}.jpg", picture.getvalue())
    return buffer.getvalue()


def run_with_the_official_client(platform, version):
    told = {"token": TOKEN, "base": f"http://127.0.0.1:{platform.port}", "version": version,
            "input": {"prompt": "a fox", "num_inference_steps": 4, "seed": 7}}
    done = subprocess.run([ROOT / ".deps/cog/bin/python", "-c", RUN, json.dumps(told)],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_from_ten_photos_to_a_picture(tmp_path):
    template = make_template(tmp_path / "vanilla", schema_of("vanilla"))
    with Trainer(weights=trained_weights()) as trainer, Registry(tmp_path) as registry, \
            Deliveries(tmp_path / "deliveries") as hook, \
            Platform(tmp_path / "data", trainer=trainer.url, template=template,
                     tokens=f"{OWNER}={TOKEN}", args=["--registry", registry.host]) as platform:
        began = time.monotonic()
        identity = platform.create(
            f"{OWNER}/me", webhook_completed=f"{hook.url}/hook?id=7",
            input={"instance_prompt": "a photo of cjw", "instance_data": platform.upload(photos())})
        training = platform.wait_end(identity)
        assert training["status"] == "succeeded", training
        version = training["version"]

        manifest, config = registry.inspect(f"{registry.host}/{OWNER}/me@sha256:{version}")
        assert digest(manifest) == f"sha256:{version}"
        assert config["history"][-1]["created_by"] == "COPY weights /src/weights"

        delivery = json.loads(wait_until(hook.path.read_text, 30, "the webhook").splitlines()[0])
        assert problem_of(WEBHOOK_SECRET, (delivery["headers"], delivery["body"])) == ""
        assert json.loads(delivery["body"])["version"] == version

        [url] = run_with_the_official_client(platform, f"{OWNER}/me:{version}")
        with urllib.request.urlopen(url) as answer:  # as the client: nobody's token
            picture = Image.open(io.BytesIO(answer.read()))
        add_to_report("end to end", time.monotonic() - began)
        assert picture.format == "PNG" and picture.size == (128, 128)
        assert min(high - low for low, high in picture.convert("RGB").getextrema()) > 100
        # The same seed on the weights that the trainer began with draws the same.
        assert picture.tobytes() == reference(tmp_path).tobytes()


def test_from_ten_photos_with_the_trainer_of_this_machine(tmp_path):
    template = make_template(tmp_path / "vanilla", schema_of("vanilla"))
    with Platform(tmp_path / "data", template=template, tokens=f"{OWNER}={TOKEN}",
                  env={"COG_WEIGHTS": str(MODEL), "XDG_CACHE_HOME": str(tmp_path / "cache")}
                  ) as platform:
        identity = platform.create(
            f"{OWNER}/me", input={"instance_prompt": "a photo of cjw", "class_prompt": "a photo",
                                  "instance_data": platform.upload(photos()), "max_train_steps": 3,
                                  "with_prior_preservation": False, "learning_rate": 1e-4})
        training = platform.wait_end(identity, limit_s=120)
        assert training["status"] == "succeeded", training
        assert "step 3/3: loss=" in training["logs"]
        [url] = run_with_the_official_client(platform, f"{OWNER}/me:{training['version']}")
        with urllib.request.urlopen(url) as answer:
            picture = Image.open(io.BytesIO(answer.read()))
        assert picture.size == (128, 128)
        # It has learned: the same seed on the base draws another picture.
        assert picture.tobytes() != reference(tmp_path).tobytes()


def reference(folder):
    subprocess.run([BUILD / "bin/dream", "predict", "vanilla", "--weights", MODEL, "-i",
                    "prompt=a fox", "-i", "seed=7", "-i", "num_inference_steps=4", "-o",
                    folder / "out"], check=True, capture_output=True)
    return Image.open(folder / "out/seed-7.png")
