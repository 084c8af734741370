"""Server-sent events from a Cog server, as they come."""

import collections
import json

from harness import Client

Event = collections.namedtuple("Event", "name data")


def parse(lines):
    """Events of the lines of a stream; a comment is the event ":" with its text."""
    name, data = None, None
    for line in lines:
        line = line.rstrip("\r\n")
        if line.startswith(":"):
            yield Event(":", line[1:].strip())
        elif line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            data = line[6:]
        elif not line and data is not None:
            yield Event(name, json.loads(data))
            name, data = None, None


class Stream:
    """An open stream: iterate over it, or close it before its end."""

    def __init__(self, port, method, path, body, timeout=30, trust=None):
        self.connection = Client(port, trust).connection(timeout)
        self.connection.request(method, path, json.dumps(body),
                                {"Content-Type": "application/json",
                                 "Accept": "text/event-stream"})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.headers = {name.lower(): value for name, value in self.answer.getheaders()}
        self.events = parse(line.decode() for line in self.answer)

    def __iter__(self):
        return self.events

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.close()

    def until(self, name):
        """Takes events up to one of this name, which is the last of the result."""
        taken = []
        for event in self.events:
            taken.append(event)
            if event.name == name:
                return taken
        raise AssertionError(f"the stream ended before {name}: {taken}")

    def close(self):
        self.connection.close()


def names(events):
    return [event.name for event in events]
