"""The figures that `tools/test conformance` prints at its end: tests add theirs to one file, which
the environment variable DREAM_CONFORMANCE_REPORT names; without it they are dropped."""

import json
import os


def add_to_report(kind, figures):
    path = os.environ.get("DREAM_CONFORMANCE_REPORT")
    if path:
        with open(path, "a") as file:
            file.write(json.dumps({kind: figures}) + "\n")
