"""Custom metrics: the same ones recorded in the real Cog server and in ours come to the same."""

import pytest
from coglet import COG, Coglet
from harness import Server

CASES = {
    "replace": ["a replace int 1", "a replace int 2", "b replace str x", "c replace bool true"],
    "a type is fixed": ["a replace int 1", "a replace float 2.5", "a replace str x",
                        "a replace bool true", "a increment float 0.5"],
    "until it is deleted": ["a replace int 1", "a - delete", "a replace str x"],
    "increment": ["a increment int 1", "a increment int 41", "b increment float 0.5",
                  "b increment float 1.5", "c increment str x", "d increment bool true"],
    "append": ["a append int 1", "a append int 2", "a append str x", "b append str x"],
    "append to a value": ["a replace int 1", "a append int 2", "a append int 3"],
    "replace a list": ["a append int 1", "a replace int 2"],
    "increment a list": ["a append int 1", "a increment int 2"],
    "dots nest": ["a.b replace int 1", "a.c.d append str x", "a.c.e increment int 2",
                  "a.b - delete"],
    "below a value": ["a replace int 1", "a.b replace int 2"],
    "in the place of what nests": ["a.b replace int 1", "a replace int 2"],
    "the longest": ["a.b.c.d replace int 1", f"{'x' * 128} replace int 1"],
    "names": [f"{name} replace int 1" for name in (
        ".a", "a.", "a..b", "1a", "_a", "a_", "a__b", "a-b", "aüb", "é", "a.b.c.d.e", "x" * 129,
        "predict_time", "cog.x", "cog", "predict_time.x", "a.1b", "A_b9")],
    "deleting what is not there": ["a - delete", "a.b - delete"],
}


@pytest.fixture(scope="module")
def pair():
    if not COG.exists():
        pytest.skip(".deps/cog is missing: tools/test installs it")
    ours = Server("tally")
    real = Coglet("tally", ours.get("/openapi.json").json)
    yield real, ours
    ours.kill()
    real.kill()


@pytest.mark.parametrize("name", CASES)
def test_metrics_come_to_the_same(pair, name):
    def run(server):
        body = server.predict({"orders": CASES[name]}).json
        assert body["status"] == "succeeded", body
        metrics = body["metrics"]
        assert isinstance(metrics.pop("predict_time"), float)
        return body["output"], metrics

    expected, got = (run(server) for server in pair)
    assert got == expected
