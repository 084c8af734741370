"""The `embeddings` input of a served template: references, the pictures' text, what is refused."""
import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

from emoji_lora import EMOJI_SD
from harness import Server, wait_until

SMALL = {"prompt": "a fox, <toy>", "seed": 7, "num_inference_steps": 2}
WIDTH = json.loads((EMOJI_SD / "text_encoder/config.json").read_text())["hidden_size"]


def file_bytes(token="<toy>", width=WIDTH):
    return save({token: np.random.default_rng(0).normal(0, 1, (3, width)).astype(np.float32)})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    store = tmp_path_factory.mktemp("models")
    (store / "embeddings").mkdir()
    (store / "embeddings/toy.safetensors").write_bytes(file_bytes())
    (store / "embeddings/wide.safetensors").write_bytes(file_bytes(width=WIDTH + 8))
    started = Server("vanilla", args=("--models", str(store)), weights=EMOJI_SD, wait="")
    wait_until(started.listening, what="listening")
    started.wait_for("READY", limit_s=60)
    yield started
    started.kill()


def draw(server, *embeddings):
    answer = server.predict(SMALL | {"embeddings": list(embeddings)})
    assert answer.json["status"] == "succeeded", answer.json
    return Image.open(io.BytesIO(base64.b64decode(answer.json["output"][0].partition(",")[2])))


def test_references_and_no_trace(server):
    plain = np.asarray(draw(server))
    drawn = draw(server, "toy")
    assert (np.asarray(drawn) != plain).any()
    data = "data:application/octet-stream;base64," + base64.b64encode(file_bytes()).decode()
    assert (np.asarray(draw(server, data)) == np.asarray(drawn)).all()
    assert (np.asarray(draw(server)) == plain).all()
    assert json.loads(drawn.text["dream"])["embeddings"] == ["toy"]
    assert ", Embeddings: toy, Version" in drawn.text["parameters"]


def test_what_is_refused(server):
    answer = server.predict(SMALL | {"embeddings": ["none"]})
    assert answer.status == 422 and answer.json["detail"][0]["loc"][-1] == "embeddings/0"
    assert "there are: toy, wide" in answer.json["detail"][0]["msg"]
    for reference, words in (("wide", [str(WIDTH + 8), str(WIDTH)]),
                             ("toy@0.5", ["embeddings", "strength"])):
        error = server.predict(SMALL | {"embeddings": [reference]}).json["error"]
        assert all(word in error for word in words), error
