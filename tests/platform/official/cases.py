"""The official Python client 1.x against a platform, unchanged: run by its own interpreter with a
JSON description of the place as the only argument. Prints one JSON object for each case."""

import asyncio
import io
import json
import pathlib
import sys
import tempfile
import time
import traceback

import replicate
from replicate.exceptions import ModelError, ReplicateError
from replicate.webhook import Webhooks, WebhookSigningSecret

PLACE = json.loads(sys.argv[1])
OWNER = PLACE["owner"]
ECHO, TEXTS = PLACE["echo"], PLACE["texts"]
CASES = []

def new_client():
    return replicate.Client(api_token=PLACE["token"], base_url=PLACE["base"])


client = new_client()


def case(check):
    CASES.append(check)
    return check


def id_of(version):
    return version.split(":")[1]


def model_of(version):
    return version.split(":")[0]


def fresh(prefix, numbers=iter(range(1000))):
    return f"{prefix}-python-{next(numbers)}"


def ended(job, limit_s=60):
    end = time.monotonic() + limit_s
    while job.status not in ("succeeded", "failed", "canceled", "aborted"):
        assert time.monotonic() < end, f"{job.id} is {job.status}"
        time.sleep(0.1)
        job.reload()
    return job


def outputs(events):
    return [event.data for event in events if event.event.value == "output"]


def refused(status, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except ReplicateError as error:
        assert error.status == status, error
        return error
    raise AssertionError(f"it was not refused with {status}")


@case
def run_a_version():
    assert client.run(ECHO, input={"text": "Alice", "count": 7})["count"] == 7


@case
def run_the_newest_version_of_a_model():
    assert client.run(model_of(ECHO), input={"text": "Alice"})["text"] == "Alice"


@case
def run_without_waiting_in_the_request():
    assert client.run(ECHO, input={"text": "Alice"}, wait=False)["text"] == "Alice"


@case
def run_iterates():
    assert list(client.run(TEXTS, input={"count": 3})) == ["item-0", "item-1", "item-2"]


@case
def run_iterates_while_it_works():
    output = client.run(TEXTS, input={"count": 3, "delay_ms": 100}, wait=False)
    assert list(output) == ["item-0", "item-1", "item-2"]


@case
def run_longer_than_the_wait():
    output = client.run(TEXTS, input={"count": 3, "delay_ms": 600}, wait=1)
    assert list(output) == ["item-0", "item-1", "item-2"]


@case
def run_with_a_file():
    output = client.run(ECHO, input={"text": "x", "file": io.BytesIO(b"of a file")})
    assert output["file"] == {"size": 9, "content": "of a file"}


@case
def run_with_a_file_as_data_url():
    output = client.run(ECHO, input={"text": "x", "file": io.BytesIO(b"of a file")},
                        file_encoding_strategy="base64")
    assert output["file"] == {"size": 9, "content": "of a file"}


@case
def run_makes_files_of_data_urls_alone():
    assert client.run(ECHO, input={"text": "http://a/b.png"})["text"] == "http://a/b.png"


@case
def run_asynchronously():
    async def several():
        other = new_client()  # one belongs to its event loop
        return await asyncio.gather(*(other.async_run(ECHO, input={"text": str(i)})
                                     for i in range(5)))
    assert [output["text"] for output in asyncio.run(several())] == list("01234")


@case
def a_bad_input_is_refused():
    error = refused(422, client.run, ECHO, input={"text": "x", "count": 101})
    assert "count" in error.detail


@case
def a_failure_is_raised():
    try:
        client.run(PLACE["fails"], input={"seconds": 0, "crash": "out of paint"})
    except ModelError as error:
        assert error.prediction.status == "failed" and "out of paint" in str(error)
    else:
        raise AssertionError("it did not fail")


@case
def stream():
    events = list(client.stream(TEXTS, input={"count": 3}))
    assert outputs(events) == ["item-0", "item-1", "item-2"]
    assert events[-1].event.value == "done" and all(event.id for event in events)


@case
def stream_of_a_prediction():
    prediction = client.predictions.create(version=id_of(TEXTS), input={"count": 2}, stream=True)
    assert outputs(prediction.stream()) == ["item-0", "item-1"]


@case
def stream_asynchronously():
    async def all_of_it():
        events = await new_client().async_stream(TEXTS, input={"count": 2})
        return [event async for event in events]
    assert outputs(asyncio.run(all_of_it())) == ["item-0", "item-1"]


@case
def prediction_from_beginning_to_end():
    prediction = client.predictions.create(version=id_of(TEXTS),
                                           input={"count": 2, "delay_ms": 100})
    assert prediction.status == "starting" and prediction.model == model_of(TEXTS)
    prediction.wait()
    assert prediction.status == "succeeded" and prediction.output == ["item-0", "item-1"]
    assert prediction.progress.percentage == 1.0 and prediction.progress.total == 2
    assert prediction.metrics["predict_time"] > 0 and prediction.completed_at
    assert client.predictions.get(prediction.id).output == prediction.output
    assert prediction.id in [one.id for one in client.predictions.list()]


@case
def prediction_with_a_model():
    prediction = client.models.predictions.create(model_of(ECHO), input={"text": "a"}, wait=True)
    assert prediction.status == "succeeded" and prediction.output["text"] == "a"


@case
def prediction_iterates():
    prediction = client.predictions.create(version=id_of(TEXTS),
                                           input={"count": 3, "delay_ms": 100})
    assert list(prediction.output_iterator()) == ["item-0", "item-1", "item-2"]


@case
def prediction_canceled():
    prediction = client.predictions.create(version=id_of(TEXTS),
                                           input={"count": 100, "delay_ms": 500})
    prediction.cancel()
    assert ended(prediction).status == "canceled"
    assert client.predictions.cancel(prediction.id).status == "canceled"


@case
def predictions_paginate():
    for _ in range(3):
        client.predictions.create(version=id_of(TEXTS), input={"count": 0})
    seen = [one.id for page in replicate.paginate(client.predictions.list) for one in page]
    assert len(seen) == len(set(seen)) >= 3


@case
def prediction_that_is_not_there():
    refused(404, client.predictions.get, "nobody")
    refused(422, client.predictions.create, version="f" * 64, input={})


@case
def webhooks_are_signed():
    secret = client.webhooks.default.secret()
    prediction = client.predictions.create(
        version=id_of(TEXTS), input={"count": 2}, webhook=PLACE["hook"],
        webhook_events_filter=["start", "completed"])
    ended(prediction)
    end = time.monotonic() + 30
    told = []
    while not any(body["status"] == "succeeded" for _, body in told):
        assert time.monotonic() < end, told
        time.sleep(0.1)
        told = [(delivery, json.loads(delivery["body"])) for delivery in map(
            json.loads, pathlib.Path(PLACE["deliveries"]).read_text().splitlines())]
        told = [(delivery, body) for delivery, body in told if body["id"] == prediction.id]
    assert [body["status"] for _, body in told][-1:] == ["succeeded"]
    assert told[-1][1]["output"] == prediction.output
    for delivery, _ in told:
        Webhooks.validate(headers=delivery["headers"], body=delivery["body"],
                          secret=WebhookSigningSecret(key=secret.key), tolerance=300)


@case
def models():
    name = fresh("model")
    made = client.models.create(OWNER, name, visibility="private", hardware="cpu",
                                description="of a test")
    assert (made.owner, made.name, made.visibility) == (OWNER, name, "private")
    got = client.models.get(OWNER, name)
    assert got.description == "of a test" and got.latest_version is None
    assert f"{OWNER}/{name}" in [f"{m.owner}/{m.name}" for m in client.models.search(name)]
    assert name in [m.name for page in replicate.paginate(client.models.list) for m in page]
    assert client.models.delete(OWNER, name) is True
    refused(404, client.models.get, OWNER, name)


@case
def versions():
    model = client.models.get(model_of(ECHO))
    assert model.latest_version.id == id_of(ECHO)
    assert id_of(ECHO) in [version.id for version in model.versions.list()]
    version = model.versions.get(id_of(ECHO))
    assert "text" in version.openapi_schema["components"]["schemas"]["Input"]["properties"]
    assert version.cog_version


@case
def versions_are_deleted():
    model = client.models.get(model_of(PLACE["spare"]))
    model.versions.delete(id_of(PLACE["spare"]))
    end = time.monotonic() + 10
    while id_of(PLACE["spare"]) in [version.id for version in model.versions.list()]:
        assert time.monotonic() < end
        time.sleep(0.1)


@case
def deployments():
    name = fresh("deployment")
    made = client.deployments.create(name=name, model=model_of(ECHO), version=id_of(ECHO),
                                     hardware="cpu", min_instances=0, max_instances=1)
    assert made.current_release.configuration.max_instances == 1
    assert name in [one.name for one in client.deployments.list()]
    changed = client.deployments.update(deployment_owner=OWNER, deployment_name=name,
                                        max_instances=2)
    assert changed.current_release.number == made.current_release.number + 1
    got = client.deployments.get(f"{OWNER}/{name}")
    assert got.current_release.configuration.max_instances == 2
    prediction = got.predictions.create(input={"text": "deployed"})
    assert ended(prediction).output["text"] == "deployed"
    client.deployments.update(deployment_owner=OWNER, deployment_name=name, min_instances=0,
                              max_instances=0)
    assert client.deployments.delete(deployment_owner=OWNER, deployment_name=name) is True


@case
def training_from_beginning_to_end():
    name = fresh("trained")
    client.models.create(OWNER, name, visibility="private", hardware="cpu")
    training = client.trainings.create(
        version=PLACE["trainer"], destination=f"{OWNER}/{name}",
        input={"instance_prompt": "a photo of cjw", "instance_data": PLACE["archive"]})
    assert training.status == "starting", training
    assert ended(training).status == "succeeded", training
    model, version = training.output["version"].split(":")
    assert model == f"{OWNER}/{name}" and training.output["weights"]
    assert client.models.get(model).latest_version.id == version
    assert training.id in [one.id for one in client.trainings.list()]
    assert client.trainings.get(training.id).output == training.output


@case
def training_canceled():
    name = fresh("canceled")
    client.models.create(OWNER, name, visibility="private", hardware="cpu")
    model, version = PLACE["trainer"].split(":")
    training = client.trainings.create(
        model=model, version=version, destination=f"{OWNER}/{name}",
        input={"instance_prompt": "a photo of cjw", "seconds": 60})
    training.cancel()
    assert ended(training).status == "canceled"


@case
def training_without_a_destination():
    refused(404, client.trainings.create, version=PLACE["trainer"],
            destination=f"{OWNER}/nowhere-at-all", input={"instance_prompt": "x"})


@case
def files():
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("Hello, world!")
        file.flush()
        made = client.files.create(file.name, metadata={"of": "a test"})
    assert made.size == 13 and made.checksums["sha256"].startswith("315f5bdb")
    assert made.content_type == "text/plain" and made.metadata == {"of": "a test"}
    assert client.files.get(made.id).name == made.name
    assert made.id in [one.id for one in client.files.list()]
    assert client.files.delete(made.id) is True
    refused(404, client.files.get, made.id)


@case
def account_hardware_and_collections():
    assert client.accounts.current().username == OWNER
    assert [one.sku for one in client.hardware.list()]
    for collection in client.collections.list():
        assert client.collections.get(collection.slug).models is not None


@case
def a_wrong_token():
    wrong = replicate.Client(api_token="wrong", base_url=PLACE["base"])
    refused(401, wrong.predictions.list)


def main():
    for check in CASES:
        began = time.monotonic()
        try:
            check()
            error = None
        except Exception:
            error = traceback.format_exc()
        print(json.dumps({"case": check.__name__, "error": error,
                          "seconds": round(time.monotonic() - began, 2)}), flush=True)


main()
