"""What a foreign case expects of an answer: a status, and a shape that its body must have.

A shape is a value that must be equal, with these exceptions: an object names only the members that
matter, and a Python function says itself whether a value will do.
"""

import os
import re

from harness import wait_until


def contains(text):
    return lambda value: text in str(value)


def ends_with(text):
    return lambda value: str(value).endswith(text)


def matches(pattern):
    return lambda value: re.search(pattern, str(value)) is not None


def one_of(*values):
    return lambda value: value in values


def of_length(length):
    return lambda value: len(value) == length


def at_least(number):
    return lambda value: value >= number


def anything(value):
    return value is not None


def files_that_go(paths):
    """Absolute paths of files that are not there, or soon not any more."""
    wait_until(lambda: not any(os.path.exists(path) for path in paths), what="removed files")
    return bool(paths) and all(os.path.isabs(path) for path in paths)


class Missing:
    """Stands for a member that is not there: {"error": absent}."""


absent = Missing()


def mismatch(value, shape, where="body"):
    """What is wrong with `value`, or an empty text."""
    if callable(shape):
        return "" if shape(value) else f"{where} is {value!r:.300}"
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{where} is no object: {value!r:.300}"
        for key, wanted in shape.items():
            if wanted is absent:
                if key in value:
                    return f"{where}.{key} is there: {value[key]!r:.300}"
            elif key not in value:
                return f"{where}.{key} is missing"
            elif wrong := mismatch(value[key], wanted, f"{where}.{key}"):
                return wrong
        return ""
    if isinstance(shape, list):
        if not isinstance(value, list) or len(value) != len(shape):
            return f"{where} is {value!r:.300} and not a list of {len(shape)}"
        wrongs = (mismatch(v, s, f"{where}[{i}]") for i, (v, s) in enumerate(zip(value, shape)))
        return next((wrong for wrong in wrongs if wrong), "")
    return "" if value == shape else f"{where} is {value!r:.300} and not {shape!r:.300}"
