"""The figures that `tools/test conformance` and `tools/test platform` print at their end: tests add
theirs to one file, which the environment variable DREAM_TEST_REPORT names; without it they are
dropped."""

import json
import os


def add_to_report(kind, figures):
    path = os.environ.get("DREAM_TEST_REPORT")
    if path:
        with open(path, "a") as file:
            file.write(json.dumps({kind: figures}) + "\n")
