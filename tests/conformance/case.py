"""The words that tables of foreign cases are written in."""

from dataclasses import dataclass

JSON = {"Content-Type": "application/json"}
ASYNC = {"Prefer": "respond-async", **JSON}
STREAM = {"Accept": "text/event-stream", **JSON}
HOOK = "{hook}"


@dataclass
class Case:
    name: str  # as its own suite calls it
    server: str = ""  # a name of SERVERS
    steps: tuple = ()
    fresh: bool = False  # wants a server of its own
    cannot: str = ""  # the reason why it does not apply, for the report
    note: str = ""  # where the transcription is not the letter


def case(name, server, *steps, fresh=False, note=""):
    return Case(name, server, steps, fresh=fresh, note=note)


def cannot(reason, *names):
    return [Case(name, cannot=reason) for name in names]


def request(method, path, json=None, headers=None, status=200, body=None, **more):
    # "busy": a slot is free before an answer is sent, so a 409 is never to be tried again.
    step = {"method": method, "path": path, "busy": True, "expect": (status, body), **more}
    if json is not None:
        step["json"] = json
    if headers is not None:
        step["headers"] = headers
    return step


def get(path, body=None, status=200):
    return request("GET", path, status=status, body=body)


def post(json, body=None, status=200, **more):
    return request("POST", "/predictions", json, status=status, body=body, **more)


def predict(inputs, body=None, status=200, **more):
    return post({"input": inputs}, body, status, **more)


def gives(output, inputs, **shape):
    """A prediction that succeeds with this output."""
    return predict(inputs, {"status": "succeeded", "output": output, **shape})


def fails(error, inputs, **shape):
    return predict(inputs, {"status": "failed", "error": error, **shape})


def refused(inputs, body=None):
    return predict(inputs, body, status=422)


def start(identity, inputs, events=("completed",), method="POST", body=None, **more):
    path = "/predictions" + (f"/{identity}" if method == "PUT" else "")
    json = {"id": identity, "input": inputs, "webhook": HOOK, "webhook_events_filter": list(events)}
    return request(method, path, json, headers=ASYNC, status=202, body=body, **more)


def cancel(identity, status=200):
    return request("POST", f"/predictions/{identity}/cancel", status=status)


def hooks(identity, *shapes):
    """All webhooks of a prediction, as they grow."""
    return {"webhooks": identity, "all": list(shapes)}


def last_hook(identity, **shape):
    return {"webhooks": identity, "last": shape}


def uploads(*shapes):
    """What the upload target has received since it was last asked, by path."""
    return {"uploads": len(shapes), "all": list(shapes)}


def health(status):
    return {"health": status}


def behind(name, step):
    """Sends the request from another thread; join() waits for its answer."""
    return {**{key: value for key, value in step.items() if key != "expect"}, "behind": name}


def join(name, body=None, status=200):
    return {"join": name, "expect": (status, body)}


def events(identity, *shapes, inputs=None, **more):
    """PUT as an event stream; each shape is (event, data)."""
    body = [{"event": event, "data": data} for event, data in shapes]
    return request("PUT", f"/predictions/{identity}", {"id": identity, "input": inputs or {}},
                   headers=STREAM, body=body, **more)
