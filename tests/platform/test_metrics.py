"""GET /metrics of the platform, read by Prometheus' own parser."""

from harness import wait_until
from prometheus_client.parser import text_string_to_metric_families

from platforms import Platform


def read(platform, **options):
    answer = platform.get("/metrics", **options)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {(sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples}


def test_what_the_platform_counts(tmp_path, database, trainer, template, receiver):
    with Platform(tmp_path / "data", trainer=trainer.url, template=template, database=database,
                  tokens="anna=first-token") as platform:
        assert platform.get("/metrics", headers={"Authorization": "Token no"}).status == 401
        before = read(platform)
        assert before["dream_platform_models",] == before["dream_platform_files",] == 0
        assert not [name for name, *_ in before if name == "dream_platform_trainings"]
        done = platform.create(webhook_completed=receiver.url)
        assert platform.wait_end(done)["status"] == "succeeded"
        failed = platform.create(input={"instance_prompt": "x", "fail": "out of memory"})
        assert platform.wait_end(failed)["status"] == "failed"
        wait_until(lambda: platform.step(done, "webhook")["status"] == "succeeded")
        after = read(platform)
        assert after["dream_platform_trainings", ("status", "succeeded")] == 1
        assert after["dream_platform_trainings", ("status", "failed")] == 1
        assert after["dream_platform_steps", ("status", "failed"), ("step", "train")] == 1
        assert after["dream_platform_steps", ("status", "succeeded"), ("step", "push")] == 1
        assert after["dream_platform_webhooks", ("status", "delivered")] == 1
        assert after["dream_platform_models",] == after["dream_platform_versions",] == 1
        assert after["dream_platform_files",] >= 1 and after["dream_platform_file_bytes",] > 100
        assert after["dream_http_responses_total", ("code", "4xx")] >= 1
        assert after["process_resident_memory_bytes",] > 1e6
