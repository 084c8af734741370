"""Where ours may differ from the real Cog server, and nowhere else.

What ours adds is taken away first. Every other difference has a key here and, with its reason, in
docs/compatibility.md; each entry says how both sides are made alike and in which transcripts.
"""

import re

ADDED = ("input", "created_at", "started_at", "completed_at", "detail", "dream_version",
         "templates_url")
MASK = "*" * 10
NO_MESSAGE = "the template failed without a message"
ENDS = ("succeeded", "failed", "canceled")


def is_prediction(body):
    return isinstance(body, dict) and body.get("status") in (*ENDS, "processing", "starting")


def bodies_of(record):
    """Every place of a record that holds a body: (holder, key)."""
    if "webhooks" in record:
        return [(record["webhooks"], i) for i in range(len(record["webhooks"]))]
    if "answers" in record:
        return [(answer, "body") for answer in record["answers"] if "body" in answer]
    if record.get("type") == "text/event-stream":
        return [(event, "data") for event in record["body"]]
    return [(record, "body")] if "body" in record else []


def kind_of(place):
    holder, _ = place
    return holder.get("event") if isinstance(holder, dict) else None


def remove_added(real, ours, in_answer):
    """Takes from `ours` what the real server leaves out, if it is a key that ours may add."""
    if not (isinstance(real, dict) and isinstance(ours, dict)) or not (
            "status" in ours or "cog_version" in ours):
        return
    for key in ADDED:
        if key not in real:
            ours.pop(key, None)
    for key in ("output", "error"):
        if key not in real and ours.get(key, "") is None:
            del ours[key]
    if in_answer and real.get("status") in ("failed", "canceled"):
        if real.get("logs") == "":
            ours["logs"] = ""
        if "output" not in real:
            ours.pop("output", None)


def hide_time(body):
    metrics = body.get("metrics") if isinstance(body, dict) else None
    if isinstance(metrics, dict) and "predict_time" in metrics:
        assert isinstance(metrics["predict_time"], float)
        metrics["predict_time"] = 0.0


def without_added(real, ours):
    for expected, got in zip(real, ours):
        theirs = bodies_of(expected)
        for number, (holder, key) in enumerate(bodies_of(got)):
            alike = [place for place in theirs if kind_of(place) == kind_of((holder, key))]
            if alike:  # of more events than there are, the last is what they are like
                one, i = alike[min(number, len(alike) - 1)]
                remove_added(one[i], holder[key], expected.get("type") == "application/json")
        for holder, key in theirs + bodies_of(got):
            hide_time(holder[key])


def each_body(change):
    """An entry of DIFFERENCES that changes every body of both sides alone."""
    def apply(records):
        for record in records:
            for holder, key in bodies_of(record):
                holder[key] = change(holder[key], record)
    return apply


def field(name, change):
    def apply(body, record):
        if isinstance(body, dict) and isinstance(body.get(name), str):
            return {**body, name: change(body[name])}
        return body
    return each_body(apply)


def generated_id(text):
    return "ID" if re.fullmatch(r"pred_[0-9a-f]+|[a-z2-7]{26}", text) else text


def json_error_text(body, record):
    if not isinstance(body, str):
        return body
    body = re.sub(r"(Failed to parse the request body as JSON: ).*", r"\1…", body, flags=re.S)
    return re.sub(r" at line \d+ column \d+$", "", body)


def error_text(text):
    kinds = r"Prediction failed: |Generator iteration error: |Async prediction failed: "
    text = re.sub(rf"^({kinds})+\w+: ", "", text)
    return re.sub(r"^(Healthcheck failed: )\w+Error: ", r"\1", text)


def error_texts(records):
    for name in ("error", "user_healthcheck_error"):
        field(name, error_text)(records)


def file_error_text(text):
    return re.sub(r"^(Input validation error: ).*", r"\1…", text, flags=re.S)


def health_details(body, record):
    if isinstance(body, dict) and "setup" in body:
        setup = body["setup"]
        return {**body, "version": "…", "setup": [setup["status"], sorted(set(setup) - {"logs"})]}
    return body


def progress_logs(records):
    drop = field("logs", lambda text: "".join(line for line in text.splitlines(True)
                                              if "it/s]" not in line))
    drop(records)
    for record in records:  # an event that brought progress alone repeats the one before
        hooks = record.get("webhooks", [])
        hooks[:] = [body for i, body in enumerate(hooks) if i == 0 or body != hooks[i - 1]]
        if record.get("type") == "text/event-stream":
            record["body"] = [event for event in record["body"]
                              if "it/s]" not in str(event["data"].get("data", ""))]


def single_output(body, record):
    """A list of one in webhooks is what a single output looks like there."""
    if "webhooks" in record and isinstance(body.get("output"), list) and len(body["output"]) == 1:
        return {**body, "output": body["output"][0]}
    return body


def masked(body, record):
    """What quotes a secret there shows its mask here."""
    if isinstance(body, dict) and "logs" in body:
        return {**body, "logs": body["logs"].replace("is 12345678", f"is {MASK}")}
    if not (isinstance(body, dict) and isinstance(body.get("detail"), list)):
        return body
    return {**body, "detail": [
        {**error, "msg": re.sub(r".* is not of type", "… is not of type", error["msg"])}
        if error["loc"][-1:] == ["token"] else error for error in body["detail"]]}


def sorted_output(body, record):
    if isinstance(body, dict) and isinstance(body.get("output"), list):
        return {**body, "output": sorted(body["output"])}
    return body


def upload_failures(records):
    """Neither the words nor what else was sent before the failure was known."""
    field("error", lambda text: "…" if "upload" in text else text)(records)
    for record in records:
        record.pop("uploads", None)


def input_nulls(body, record):
    if isinstance(body, dict) and isinstance(body.get("input"), dict):
        return {**body, "input": {k: v for k, v in body["input"].items() if v is not None}}
    return body


def connection_header(records):
    for record in records:
        for answer in record.get("answers", []):
            if answer.get("version") == "HTTP/1.0":
                answer["connection"] = None


def connection_end(records):
    for record in records:
        record["closed"] = None


def whatever(records):
    records.clear()


# key: (makes one side comparable, the transcripts it applies to)
DIFFERENCES = {
    "generated-ids": (field("id", generated_id), r".*"),
    "json-error-text": (each_body(json_error_text), r".*"),
    "error-text": (error_texts, r".*"),
    "file-error-text": (field("error", file_error_text), r".*"),
    "health-details": (each_body(health_details), r".*"),
    "progress-in-logs": (progress_logs, r".*"),
    "single-output-events": (each_body(single_output), r".*"),
    "nulls-in-input": (each_body(input_nulls), r".*"),
    "empty-errors": (field("error", lambda text: text if text else NO_MESSAGE), r".*"),
    "beyond-64-bits": (whatever, r"rules: beyond 64 bits"),
    "hidden-files": (whatever, r"files: named \.hidden"),
    "secrets-masked": (each_body(masked), r"needs: .*|trainer: .*"),
    "null-for-nullable": (whatever, r".*: null for a nullable.*"),
    "paths-refused": (whatever, r"echo: (a path of the server|a URL in capitals|data in capitals|"
                                r"an empty text for a file|an unknown scheme|a local file)"),
    "data-urls": (whatever, r"echo: data URL, (no padding|bad base64|base64 in capitals)"),
    "empty-ids": (whatever, r"echo: (an empty id|POST /predictions//cancel)"),
    "connection-header": (connection_header, r"echo: .*"),
    "trailers": (connection_end, r"echo: chunks with extensions and trailers"),
    "bodies-as-lists": (whatever, r"echo: (a list as body|a list of a request)"),
    "upload-order": (each_body(sorted_output), r"uploads: (two|ten)|upload_list: .*"),
    "upload-names": (whatever, r"uploads: (named (100%|a\?b|a#b)\.txt|two of one name)"),
    "upload-locations": (whatever, r"uploads: stored elsewhere, by a path|"
                                   r"upload_one: stored elsewhere"),
    "upload-failures": (upload_failures, r"uploads: a refusal.*|upload_one: a refusal"),
    "docs-page": (whatever, r"echo: GET /docs"),
    "no-trainings": (whatever, r"echo: POST /trainings"),
}
