"""GET /metrics, read as Prometheus reads it: values that must follow from what was asked before."""

import re
import signal
import threading
import time

import pytest
from events import Stream
from harness import ROOT, wait_until
from prometheus_client.parser import text_string_to_metric_families

# Prometheus' conventions: base units and no others.
OTHER_UNITS = ("milliseconds", "_ms", "_mb", "kilobytes", "percent", "_minutes")


def scrape(server):
    answer = server.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Scrape(answer.text)


class Scrape:
    def __init__(self, text):
        families = list(text_string_to_metric_families(text))
        self.families = {family.name: family for family in families}
        assert len(self.families) == len(families), "a name is taken twice, _total or not"
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def value(self, name, **labels):
        """Of the one series with this name whose labels are these; 0 for none, as Prometheus'
        functions take it."""
        found = [sample.value for sample in self.samples
                 if sample.name == name and labels.items() == sample.labels.items()]
        assert len(found) <= 1, f"{name}{labels} stands there twice"
        return found[0] if found else 0

    def all(self, name):
        return [sample for sample in self.samples if sample.name == name]


def ends(server, template, entry="predict"):
    now = scrape(server)
    return {status: now.value("dream_predictions_total", template=template, entry=entry,
                              status=status) for status in ("succeeded", "failed", "canceled")}


def test_counts_what_became_of_predictions(serve):
    server = serve("sleeper", "echo", "trainer", args=["--concurrency", "2"])
    assert ends(server, "sleeper") == {"succeeded": 0, "failed": 0, "canceled": 0}
    assert len(scrape(server).all("dream_predictions_total")) == 9, "all at zero from the start"
    for _ in range(3):
        assert server.predict({"seconds": 0.2}).json["status"] == "succeeded"
    assert server.predict({"seconds": 0, "crash": "no"}).json["status"] == "failed"
    assert server.predict({"seconds": "x"}).status == 422
    assert server.predict({"text": "x"}, "echo").status == 200
    assert server.post("/templates/trainer/trainings", {"input": {"name": "x", "steps": 1}}).json
    for identity in ("a", "b"):
        server.start({"seconds": 60}, id=identity)
    assert [server.predict({}).status for _ in range(2)] == [409, 409]
    for identity in ("a", "b"):
        server.post(f"/predictions/{identity}/cancel")
    wait_until(lambda: ends(server, "sleeper")["canceled"] == 2)
    assert ends(server, "sleeper") == {"succeeded": 3, "failed": 1, "canceled": 2}
    assert ends(server, "echo") == {"succeeded": 1, "failed": 0, "canceled": 0}
    assert ends(server, "trainer", "train")["succeeded"] == 1
    now = scrape(server)
    assert now.value("dream_predictions_refused_total", reason="busy") == 2
    assert now.value("dream_predictions_refused_total", reason="not_ready") == 0
    labels = {"template": "sleeper", "entry": "predict"}
    for stage, count in (("total", 6), ("run", 6), ("queue", 6), ("inputs", 0), ("upload", 0)):
        name = "dream_prediction_stage_seconds"
        assert now.value(f"{name}_count", stage=stage, **labels) == count, stage
        assert now.value(f"{name}_bucket", stage=stage, le="+Inf", **labels) == count, stage
    assert now.value("dream_prediction_stage_seconds_bucket", stage="run", le="0.1", **labels) <= 3
    assert 0.6 <= now.value("dream_prediction_stage_seconds_sum", stage="run", **labels) < 60


def test_shows_what_is_in_work(serve):
    server = serve("sleeper", args=["--queue", "3"])
    names = ("preparing", "waiting", "running")

    def stages():
        now = scrape(server)
        return [now.value("dream_predictions_in_progress", stage=name) for name in names]
    assert stages() == [0, 0, 0]
    for index in range(3):
        assert server.start({"seconds": 60}, id=str(index)).status == 202
    assert stages() == [0, 2, 1]
    time.sleep(0.3)
    now = scrape(server)
    assert now.value("dream_queue_size") == 3 and now.value("dream_slots") == 1
    assert 0.3 <= now.value("dream_queue_longest_wait_seconds") < 30
    assert now.value("dream_health", status="BUSY") == 1
    assert sum(sample.value for sample in now.all("dream_health")) == 1
    # The first and the second found nobody waiting, the third one.
    assert now.value("dream_queue_position_bucket", le="0") == 2
    assert now.value("dream_queue_position_bucket", le="1") == 3
    for index in range(3):
        server.post(f"/predictions/{index}/cancel")
    wait_until(lambda: stages() == [0, 0, 0])
    assert scrape(server).value("dream_health", status="READY") == 1


def test_inputs_that_are_fetched_are_a_stage(serve):
    server = serve("echo")
    assert server.predict({"text": "x", "file": "data:,hello"}).json["status"] == "succeeded"
    assert scrape(server).value("dream_prediction_stage_seconds_count", template="echo",
                                entry="predict", stage="inputs") == 1


def test_connections_and_streams(serve):
    server = serve("counter")
    before = scrape(server)
    assert before.value("dream_http_connections") == 1, "this one"
    assert before.value("dream_http_streams") == 0
    body = {"input": {"count": 100, "delay_ms": 100}}
    with Stream(server.port, "POST", "/predictions", body) as stream:
        stream.until("start")
        now = scrape(server)
        assert now.value("dream_http_streams") == 1 and now.value("dream_http_connections") == 2
    wait_until(lambda: scrape(server).value("dream_http_streams") == 0)
    ok = scrape(server).value("dream_http_responses_total", code="2xx")
    bad = scrape(server).value("dream_http_responses_total", code="4xx")
    server.get("/nope")
    server.get("/")
    now = scrape(server)
    assert now.value("dream_http_responses_total", code="4xx") == bad + 1
    assert now.value("dream_http_responses_total", code="2xx") == ok + 3, "two scrapes, an index"
    assert now.value("dream_http_connections_accepted_total") > 5


def test_webhooks(serve, receiver):
    receiver.answers = [503, 200, 200, 404]
    server = serve("sleeper")
    last_only = {"webhook": receiver.url, "webhook_events_filter": ["completed"]}
    for identity in ("a", "b", "c"):
        server.start({"seconds": 0}, id=identity, **last_only)
        receiver.terminal(identity)
        wait_until(lambda: scrape(server).value("dream_webhooks_pending") == 0)
    now = scrape(server)
    assert now.value("dream_webhook_retries_total") == 1
    assert now.value("dream_webhooks_total", outcome="delivered") == 2
    assert now.value("dream_webhooks_total", outcome="failed") == 1


def test_workers_and_the_process(serve):
    server = serve("sleeper", args=["--isolation", "slot", "--concurrency", "2"])
    now = scrape(server)
    workers = {sample.labels["worker"]: sample.value
               for sample in now.all("dream_worker_resident_memory_bytes")}
    assert set(workers) == {"0", "1"} and all(1e6 < size < 1e9 for size in workers.values())
    assert now.value("dream_worker_restarts_total") == 0 and now.value("dream_slots") == 2
    assert server.predict({"seconds": 0, "crash": "abort"}).json["status"] == "failed"
    wait_until(lambda: scrape(server).value("dream_slots") == 2)
    assert scrape(server).value("dream_worker_restarts_total") == 1
    now = scrape(server)
    assert abs(now.value("process_start_time_seconds") - time.time()) < 60
    assert 5 < now.value("process_open_fds") < now.value("process_max_fds")
    assert 1e6 < now.value("process_resident_memory_bytes") < 1e9
    assert now.value("process_cpu_seconds_total") > 0
    [build] = now.all("dream_build_info")
    assert build.value == 1 and re.fullmatch(r"\d+\.\d+\.\d+", build.labels["version"])


def test_a_hanging_worker_does_not_hang_the_scrape(serve):
    server = serve("sleeper")
    [worker] = server.workers()
    import os
    os.kill(worker, signal.SIGSTOP)
    try:
        begin = time.monotonic()
        now = scrape(server)
        assert 1 < time.monotonic() - begin < 4
        assert now.value("dream_slots") == 1 and "dream_memory_budget_bytes" in now.families
    finally:
        os.kill(worker, signal.SIGCONT)


def test_what_templates_name_as_they_like_makes_no_series(serve):
    server = serve("meter")
    before = len(scrape(server).samples)
    records = [f"own_metric_{i} replace number {i}" for i in range(50)]
    records += ["it_per_s replace text fast", "steps replace number -1",
                "image_count append text x", "model_time_s replace text inf"]
    assert server.predict({"records": records}).json["status"] == "succeeded"
    now = scrape(server)
    assert not [sample for sample in now.samples if "own_metric" in str(sample)]
    assert "dream_steps_per_second" not in now.families and "dream_steps" not in now.families
    # The histograms of three stages are new: total, run and queue.
    new = {(sample.name, sample.labels.get("stage")) for sample in now.samples[:]}
    assert {stage for name, stage in new if stage and "prediction_stage" in name} == {
        "total", "run", "queue"}
    assert server.predict({"records": records[:5]}).status == 200
    assert len(scrape(server).samples) == len(now.samples) > before


def test_what_the_engine_reports(serve):
    server = serve("vanilla", weights=ROOT / "weights" / "emoji-sd" / "model", wait=None)
    server.wait_listening()
    server.wait_for("READY", limit_s=60)
    made = server.predict({"prompt": "a fox", "num_inference_steps": 3, "seed": 1, "width": 128,
                           "height": 128, "num_outputs": 2}).json
    assert made["status"] == "succeeded", made
    now = scrape(server)
    assert now.value("dream_images_total", template="vanilla") == 2
    assert now.value("dream_steps_total", template="vanilla") == made["metrics"]["steps"]
    assert now.value("dream_steps_per_second_count", template="vanilla") == 1
    assert now.value("dream_steps_per_second_sum", template="vanilla") == pytest.approx(
        made["metrics"]["it_per_s"])
    assert now.value("dream_model_stage_seconds_sum", template="vanilla",
                     stage="model") == pytest.approx(made["metrics"]["model_time_s"])
    kinds = {sample.labels["kind"] for sample in now.all("dream_resident_bytes")}
    assert {"unet", "vae"} <= kinds
    assert "dream_device_memory_used_bytes" not in now.families, "a CPU has no memory of its own"


def test_names_follow_the_conventions(echo):
    assert echo.predict({"text": "x"}).status == 200
    now = scrape(echo)
    for family in now.families.values():
        assert re.fullmatch(r"(dream|process)_[a-z_]+", family.name), family.name
        assert family.documentation and family.type in ("counter", "gauge", "histogram")
        assert not any(family.name.endswith(unit) for unit in OTHER_UNITS), family.name
        totals = [sample for sample in family.samples if sample.name.endswith("_total")]
        assert bool(totals) == (family.type == "counter"), family.name
        series = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        assert len(series) == len(set(series)), family.name
    assert len(now.families) > 25


def test_scrapes_meanwhile_lose_nothing(serve):
    server = serve("echo", args=["--concurrency", "8"])
    done = []

    def work():
        for _ in range(50):
            done.append(server.predict({"text": "x"}).status)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    last = 0
    while any(thread.is_alive() for thread in threads):
        now = ends(server, "echo")["succeeded"]
        assert now >= last
        last = now
    for thread in threads:
        thread.join()
    assert ends(server, "echo")["succeeded"] == done.count(200) == 200
