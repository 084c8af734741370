"""The `lora` input of a served template: names in the model store, URLs, and what is refused."""
import base64
import http.server
import io

import numpy as np
import pytest
from PIL import Image

from emoji_lora import EMOJI_SD, lora_bytes
from harness import LocalServer, Server, wait_until

SMALL = {"prompt": "a fox", "seed": 7, "num_inference_steps": 2}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "loras").mkdir()
    (folder / "loras/style.safetensors").write_bytes(lora_bytes())
    (folder / "loras/other.safetensors").write_bytes(lora_bytes(seed=1))
    (folder.parent / "outside.safetensors").write_bytes(lora_bytes())
    return folder


@pytest.fixture(scope="module")
def server(store):
    started = Server("vanilla", args=("--models", str(store)), weights=EMOJI_SD, wait="")
    wait_until(started.listening, what="listening")
    started.wait_for("READY", limit_s=60)
    yield started
    started.kill()


bodies = []  # paths of which more than the first byte was asked


@pytest.fixture(scope="module")
def file_url():
    class Files(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = lora_bytes() if self.path.startswith("/style.safetensors") else None
            self.send_response(200 if content else 404)
            self.send_header("ETag", '"one"')
            self.end_headers()
            if self.headers.get("Range") != "bytes=0-0":  # the cache's question
                bodies.append(self.path)
                self.wfile.write(content or b"")

        def log_message(self, *arguments):
            pass

    with LocalServer(Files) as files:
        yield files.url


def picture(server, *loras, **inputs):
    answer = server.predict(SMALL | {"lora": list(loras)} | inputs)
    assert answer.status == 200, answer.text
    assert answer.json["status"] == "succeeded", answer.json
    return answer.json["output"][0]


def pixels(url):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def test_every_kind_of_reference_draws_the_same(server, store, file_url):
    plain = pixels(picture(server))
    by_name = pixels(picture(server, "style@0.8"))
    assert (by_name != plain).any()
    data = "data:application/octet-stream;base64," + base64.b64encode(lora_bytes()).decode()
    for reference in ("loras/style.safetensors@0.8", f"{store}/loras/style.safetensors@0.8",
                      f"{data}@0.8", f"{file_url}/style.safetensors@0.8"):
        assert (pixels(picture(server, reference)) == by_name).all(), reference[:80]
    assert (pixels(picture(server, "style")) != by_name).any()
    both = pixels(picture(server, "style@0.8", "other@-0.5"))
    assert (both != by_name).any()
    assert (pixels(picture(server, "other@-0.5", "style@0.8")) == both).all()
    assert (pixels(picture(server)) == plain).all()


@pytest.mark.parametrize("name", ["nothing", "../outside", "/etc/passwd", "", "style@0.5@"])
def test_what_the_store_does_not_have_is_refused(server, store, name):
    for reference in (name, str(store.parent / "outside.safetensors")):
        answer = server.predict(SMALL | {"lora": ["style", reference]})
        assert answer.status == 422, answer.text
        [detail] = answer.json["detail"]
        assert detail["loc"] == ["body", "input", "lora/1"]
        assert f"the model store has no '{reference}'; there are: other, style" in detail["msg"]


def test_a_reference_that_cannot_be_used_fails_the_prediction(server, file_url):
    for reference, message in ((f"{file_url}/none", "the server answered 404"),
                               ("data:text/plain,hello", "cannot be read"),
                               ("style@12", 'lora "style" has scale 12: allowed are -10 to 10')):
        answer = server.predict(SMALL | {"lora": [reference]})
        assert answer.json["status"] == "failed", answer.json
        assert message in answer.json["error"], answer.json["error"]


def test_what_a_url_names_is_fetched_once(server, file_url):
    url = f"{file_url}/style.safetensors?once"
    first, second = (server.predict(SMALL | {"lora": [url]}).json for _ in range(2))
    assert first["output"] == second["output"]
    assert "lora: style.safetensors from the download cache: miss, " in first["logs"]
    assert "lora: style.safetensors from the download cache: hit, " in second["logs"]
    assert bodies.count("/style.safetensors?once") == 1
    refused = server.predict(SMALL | {"lora": ["http://169.254.169.254/latest/meta-data"]}).json
    assert refused["status"] == "failed"
    assert "169.254.169.254 is a link-local address" in refused["error"]


def test_a_server_that_others_reach_keeps_to_public_addresses(serve, store, file_url):
    asked = SMALL | {"lora": [f"{file_url}/style.safetensors"]}
    picture_url = {"image": f"{file_url}/style.safetensors"}

    def start(*args):
        started = serve("vanilla", args=("--host", "0.0.0.0", *args), weights=EMOJI_SD, wait="")
        wait_until(started.listening, what="listening")
        started.wait_for("READY", limit_s=60)
        return started

    public = start()
    for inputs in (asked, SMALL | picture_url):
        answer = public.predict(inputs).json
        assert answer["status"] == "failed"
        assert "127.0.0.1 is an address of this machine" in answer["error"], answer["error"]
        assert "--allow-private-urls" in answer["error"]
    assert start("--allow-private-urls").predict(asked).json["status"] == "succeeded"


def test_the_openapi_document_shows_a_list_of_strings(server):
    schema = server.get("/openapi.json").json["components"]["schemas"]["Input"]["properties"]
    assert schema["lora"]["type"] == "array" and schema["lora"]["items"] == {"type": "string"}
    assert "reference" not in schema["lora"]
