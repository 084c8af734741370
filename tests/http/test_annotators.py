"""Annotators through a template: a server without their weights, and one that has some."""
import cv2
import numpy as np
import pytest
from safetensors.numpy import save_file
from worker_client import TEST_TEMPLATES, Worker, of_type

TEMPLATE = TEST_TEMPLATES / "any_annotator.so"


@pytest.fixture
def picture(tmp_path):
    pixels = np.zeros((61, 90, 3), np.uint8)
    cv2.circle(pixels, (45, 30), 20, (40, 200, 90), -1)
    cv2.imwrite(str(tmp_path / "picture.png"), pixels)
    return str(tmp_path / "picture.png")


def run(worker, out, **inputs):
    """How it ended, and the map where there is one."""
    messages = worker.run("any_annotator", out, **inputs)
    maps = [cv2.imread(m["path"]) for m in of_type(messages, "output")]
    return messages[-1], *maps


def test_missing_weights_are_named_and_the_server_goes_on(picture, tmp_path):
    with Worker() as worker:
        assert worker.init(TEMPLATE, models=str(tmp_path))["type"] == "ready"
        [done] = run(worker, tmp_path / "a", picture=picture, annotator="mlsd")
        assert done["status"] == "failed"
        assert done["error"] == (
            "the weights annotator-mlsd/mlsd_large_512_fp32.pth are missing: they are not in the "
            f"model store {tmp_path}; get them with: dream weights pull annotator-mlsd")
        done, edges = run(worker, tmp_path / "b", picture=picture)
        assert done["status"] == "succeeded"
        assert edges.any()


def lineart_weights():
    """Random ones, in the names and shapes of sk_model.pth."""
    random = np.random.default_rng(1)
    shapes = {"model0.1": (64, 3, 7, 7), "model1.0": (128, 64, 3, 3), "model1.3": (256, 128, 3, 3),
              "model3.0": (256, 128, 3, 3), "model3.3": (128, 64, 3, 3), "model4.1": (1, 64, 7, 7)}
    shapes |= {f"model2.{i}.conv_block.{j}": (256, 256, 3, 3) for i in range(3) for j in (1, 5)}
    tensors = {}
    for name, shape in shapes.items():
        out = shape[1] if name.startswith("model3") else shape[0]
        tensors[name + ".weight"] = random.normal(0, .05, shape).astype(np.float32)
        tensors[name + ".bias"] = random.normal(0, .05, out).astype(np.float32)
    return tensors


def test_weights_of_the_store_are_loaded_at_first_use(picture, tmp_path):
    (tmp_path / "annotator-lineart").mkdir()
    with Worker() as worker:
        assert worker.init(TEMPLATE, models=str(tmp_path))["type"] == "ready"
        inputs = {"picture": picture, "annotator": "lineart", "detect_resolution": 64}
        assert run(worker, tmp_path / "a", **inputs)[0]["status"] == "failed"
        # Pulled while the server runs.
        save_file(lineart_weights(), tmp_path / "annotator-lineart/sk_model.pth")
        done, lines = run(worker, tmp_path / "b", **inputs)
        assert done["status"] == "succeeded", done
        assert lines.shape == (61, 90, 3) and lines.std() > 1
        # What is loaded stays: the second use is one of the same network.
        done, again = run(worker, tmp_path / "c", **inputs)
        assert done["status"] == "succeeded"
        worker.control.send({"type": "residents"})
        [network] = worker.control.until("residents_result")[-1]["residents"]
        assert network["kind"] == "annotator" and network["uses"] == 2
        np.testing.assert_array_equal(again, lines)
